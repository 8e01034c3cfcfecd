import Cryptography
import Formats
import Octets

/// What the forms of one browser are bound to: the token of its session, or of somebody who is not signed in a cookie that
/// nobody else has either.
///
/// Every form has a hidden field with its own name, which the server makes when it shows the page, and with proof that it was
/// shown to this browser for this form. Sent again, by a double click or the back button, it repeats its answer. A page
/// elsewhere cannot make one.
struct FormBinding: Sendable {
  /// The hidden field's name.
  static let field = "key"
  private static let proofOctets = 16

  private let secret: [UInt8]
  private let random: any RandomSource

  init(_ secret: String, _ random: any RandomSource) {
    self.secret = Array(secret.utf8)
    self.random = random
  }

  /// The hidden field of a form that goes to `path`.
  func newKey(for path: String) -> String {
    let octets = random.octets(OperationID.octetCount)
    return Hex.encode(octets + proof(octets, path))
  }

  /// What a form is called that this browser was shown for `path`; `nil` for any other.
  func operation(_ key: String, for path: String) -> OperationID? {
    let count = OperationID.octetCount
    guard let octets = Hex.decode(key), octets.count == count + FormBinding.proofOctets else { return nil }
    let (expected, given) = (proof(Array(octets.prefix(count)), path), Array(octets.dropFirst(count)))
    guard constantTimeEqual(expected.span.bytes, given.span.bytes) else { return nil }
    return OperationID(octets: Array(octets.prefix(count)))
  }

  private func proof(_ octets: [UInt8], _ path: String) -> [UInt8] {
    let message = Array("warifu form 1 ".utf8) + octets + Array(path.utf8)
    let tag = (try? HMAC256.tag(key: Secret(copying: secret), message)) ?? []
    return Array(tag.prefix(FormBinding.proofOctets))
  }
}
