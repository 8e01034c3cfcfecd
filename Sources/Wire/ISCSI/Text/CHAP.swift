import Octets

/// The algorithms of CHAP that a target may use (RFC 7143, 12.1.4; numbers of IANA's PPP registry).
public enum CHAPAlgorithm: UInt8, Hashable, Sendable {
  /// MD5, which every initiator has (RFC 1994).
  case md5 = 5
  /// SHA-256.
  case sha256 = 7

  /// Octets of a response.
  public var responseOctets: Int { self == .md5 ? 16 : 32 }
}

/// Who knows the secrets of CHAP: this module never sees one.
public protocol CHAPAuthority: AnyObject {
  /// A challenge never given before: an identifier and 16 octets or more.
  func makeChallenge() -> CHAPChallenge

  /// Whether `response` is what the initiator called `name` answers to `challenge`, in a time that does not depend on
  /// which part is wrong.
  func verify(
    name: [UInt8], response: [UInt8], to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm
  ) -> Bool

  /// The target's own answer to an initiator that doubts it; `nil` if the target has no secret for that.
  func answer(to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> (name: String, response: [UInt8])?
}

/// What one side asks the other.
public struct CHAPChallenge: Hashable, Sendable {
  /// The identifier octet.
  public let identifier: UInt8
  /// The challenge itself.
  public let octets: [UInt8]

  /// A challenge.
  public init(identifier: UInt8, octets: [UInt8]) {
    self.identifier = identifier
    self.octets = octets
  }
}

/// One initiator's authentication (RFC 7143, 12.1.4), from the choice of the algorithm to the mutual answer.
struct CHAPExchange {
  /// The most octets of a challenge.
  static let maximumChallengeOctets = 1024

  /// Why an exchange ends badly.
  enum Failure: Error {
    /// The other side is not authentic, or does what only a forger would.
    case notAuthentic
    /// The keys do not belong here.
    case forbidden
  }

  private let authority: any CHAPAuthority
  private var algorithm: CHAPAlgorithm?
  private var challenge: CHAPChallenge?
  /// Whether the initiator has proved who it is.
  private(set) var isDone = false

  init(_ authority: any CHAPAuthority) { self.authority = authority }

  /// The challenge that the initiator is being asked now.
  var pendingChallenge: CHAPChallenge? { isDone ? nil : challenge }

  /// Answers a step of the initiator.
  ///
  /// - Parameter outstanding: challenges that this target waits for on other connections: none may come back as a
  ///   question.
  mutating func answer(_ pairs: [TextPair], outstanding: [CHAPChallenge]) throws(Failure) -> [TextPair] {
    if let offered = value("CHAP_A", in: pairs) {
      guard algorithm == nil else { throw .forbidden }
      return try choose(offered)
    }
    guard let name = value("CHAP_N", in: pairs), let response = value("CHAP_R", in: pairs) else { return [] }
    guard let algorithm, let challenge, !isDone else { throw .forbidden }
    guard let octets = TextValue.binary(response, limit: algorithm.responseOctets),
      authority.verify(name: Array(name.utf8), response: octets, to: challenge, with: algorithm)
    else { throw .notAuthentic }
    isDone = true
    return try prove(pairs, algorithm, outstanding + [challenge])
  }

  private mutating func choose(_ offered: String) throws(Failure) -> [TextPair] {
    let chosen = TextValue.list(offered).lazy.compactMap { TextValue.number($0) }
      .compactMap { CHAPAlgorithm(rawValue: UInt8(clamping: $0)) }.first
    guard let chosen else { throw .notAuthentic }
    let question = authority.makeChallenge()
    algorithm = chosen
    challenge = question
    return [
      TextPair("CHAP_A", String(chosen.rawValue)), TextPair("CHAP_I", String(question.identifier)),
      TextPair("CHAP_C", TextValue.hexadecimal(question.octets)),
    ]
  }

  /// Answers the initiator's own challenge, if it has one.
  private func prove(
    _ pairs: [TextPair], _ algorithm: CHAPAlgorithm, _ asked: [CHAPChallenge]
  ) throws(Failure) -> [TextPair] {
    let identifier = value("CHAP_I", in: pairs)
    let octets = value("CHAP_C", in: pairs)
    if identifier == nil, octets == nil { return [] }
    guard let number = identifier.flatMap(TextValue.number), number <= 255,
      let octets = octets.flatMap({ TextValue.binary($0, limit: CHAPExchange.maximumChallengeOctets) }),
      !octets.isEmpty
    else { throw .forbidden }
    // Whoever sends our own question back wants us to answer it for him.
    guard !asked.contains(where: { $0.octets == octets }) else { throw .notAuthentic }
    let question = CHAPChallenge(identifier: UInt8(number), octets: octets)
    guard let proof = authority.answer(to: question, with: algorithm) else { throw .notAuthentic }
    return [TextPair("CHAP_N", proof.name), TextPair("CHAP_R", TextValue.hexadecimal(proof.response))]
  }

  private func value(_ key: String, in pairs: [TextPair]) -> String? { pairs.first { $0.key == key }?.value }
}
