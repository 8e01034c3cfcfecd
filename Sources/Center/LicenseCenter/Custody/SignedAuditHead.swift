import Cryptography
import Formats
import Octets

/// A head of the audit log under the centre's signature: whoever keeps one can show that all up to it was so.
///
/// As text it is one line of fixed length: record number (20 digits) ‖ time (20) ‖ key version (10) ‖ hash (64
/// hexadecimal digits) ‖ signature (128), with a space between them.
public struct SignedAuditHead: Hashable, Sendable {
  /// The newest record at that time.
  public var head: AuditHead
  /// When it was signed, seconds since 1970 UTC.
  public var time: UInt64
  /// Version of the key that signed it.
  public var keyVersion: UInt32
  /// ECDSA P-256 over ``signedOctets(of:)``, 64 octets.
  public var signature: [UInt8]

  /// Characters of a line, without its end.
  static let lineLength = 20 + 1 + 20 + 1 + 10 + 1 + 64 + 1 + 128

  /// The head as a line of text, without its end.
  public var line: String {
    let number = SignedAuditHead.digits(UInt64(clamping: head.sequence), 20)
    let (time, version) = (SignedAuditHead.digits(time, 20), SignedAuditHead.digits(UInt64(keyVersion), 10))
    return "\(number) \(time) \(version) \(Hex.encode(head.hash)) \(Hex.encode(signature))"
  }

  /// Reads a line; `nil` for anything else.
  public init?(line: some StringProtocol) {
    let fields = line.split(separator: " ", omittingEmptySubsequences: false)
    guard line.utf8.count == SignedAuditHead.lineLength, fields.count == 5, let sequence = Int64(fields[0]),
      sequence >= 0, let time = UInt64(fields[1]), let version = UInt32(fields[2]),
      let hash = Hex.decode(String(fields[3])), hash.count == 32,
      let signature = Hex.decode(String(fields[4])), signature.count == 64
    else { return nil }
    self.init(
      head: AuditHead(sequence: sequence, hash: hash), time: time, keyVersion: version, signature: signature)
  }

  init(head: AuditHead, time: UInt64, keyVersion: UInt32, signature: [UInt8]) {
    self.head = head
    self.time = time
    self.keyVersion = keyVersion
    self.signature = signature
  }

  /// What is signed: a label, the centre, and the numbers, all of fixed length.
  public func signedOctets(of center: CenterID) -> [UInt8] {
    Array("warifu audit head".utf8) + center.octets + bigEndian(UInt64(bitPattern: head.sequence)) + bigEndian(time)
      + head.hash
  }

  private static func digits(_ value: UInt64, _ count: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
  }
}

extension SignedAuditHead {
  /// Signs `head` with the newest key for it.
  static func sign(_ head: AuditHead, at time: UInt64, of center: CenterID, _ keys: KeyStore) throws -> SignedAuditHead
  {
    let version = try keys.currentVersion(of: .auditSigning)
    var signed = SignedAuditHead(head: head, time: time, keyVersion: version, signature: [])
    signed.signature = try keys.withKey(.auditSigning, version: version) { key in
      try SigningKey(scalar: key.copy()).sign(signed.signedOctets(of: center))
    }
    return signed
  }

  /// Throws unless the centre signed it.
  func verify(of center: CenterID, _ keys: KeyStore) throws(CenterError) {
    do {
      let key = try Authority.verificationKey(.auditSigning, version: keyVersion, keys)
      try key.verify(signedOctets(of: center), signature)
    } catch {
      throw CenterError(
        .damaged, "Checking the signed head at record \(head.sequence)",
        remedy: "audit.heads is not what the centre wrote; compare it with a backup.")
    }
  }
}
