import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// The commands of a recording, sent once more: does the card answer as it did?
///
/// Responses must be the same octets. Signatures alone cannot be: their nonces are OpenSSL's own. Each that differs is
/// verified with the card's public key instead, over what it must sign.
public struct RecordingReplay: Sendable {
  /// Responses that were compared.
  public internal(set) var exchanges = 0
  /// Signatures among them that were verified in place of a comparison.
  public internal(set) var verifiedSignatures = 0
  /// Where the card first answered otherwise, if it did.
  public internal(set) var difference: Difference?

  /// An answer that is not the recorded one.
  public struct Difference: Hashable, Sendable {
    /// What differs.
    public enum Kind: Hashable, Sendable {
      /// The answer to reset.
      case answerToReset
      /// The octets of a response, or their number.
      case response
      /// A signature that is not the card's over what it had to sign.
      case signature
      /// The line broke where it did not before, or the other way round.
      case line
    }

    /// Which event of the recording, from 0 on.
    public let event: Int
    /// What differs.
    public let kind: Kind
    /// What the card answered now.
    public let answer: [UInt8]
  }

  /// Resets the card, sends everything, and stops at the first difference.
  ///
  /// The card must be in the state that it was in when the recording began; an emulated one wants the recording's seed
  /// ahead of it.
  public static func run(
    _ recording: CardRecording, on transport: any APDUTransport
  ) throws(CardError) -> RecordingReplay {
    let line = ReplayLine(transport)
    var replay = RecordingReplay()
    var claims = SignatureClaims()
    for (index, event) in recording.events.enumerated() {
      switch event {
      case .reset(let expected):
        if let difference = claims.end() { return replay.differing(difference) }
        let answer = try line.reset()
        guard answer == expected else { return replay.differing(Difference(index, .answerToReset, answer)) }
      case .broken(let command):
        if let difference = claims.end() { return replay.differing(difference) }
        // Whether it reached the card then, nobody knows; now it does.
        if let answer = line.answer(to: command) { return replay.differing(Difference(index, .line, answer)) }
      case .exchange(let command, let expected):
        let answer = try line.transmit(command)
        replay.exchanges += 1
        let difference = claims.take(answer, to: command, expected: expected, event: index)
        if let difference { return replay.differing(difference) }
      }
    }
    if let difference = claims.end() { return replay.differing(difference) }
    // The keys are read last: reading them earlier would be another session.
    let connection = claims.unproven.isEmpty ? nil : try CardConnection(transport)
    for claim in claims.unproven {
      guard let connection, try claim.isGood(on: connection) else {
        return replay.differing(Difference(claim.event, .signature, claim.signature))
      }
      replay.verifiedSignatures += 1
    }
    return replay
  }

  private func differing(_ difference: Difference) -> RecordingReplay {
    var replay = self
    replay.difference = difference
    return replay
  }
}

extension RecordingReplay.Difference {
  fileprivate init(_ event: Int, _ kind: Kind, _ answer: [UInt8]) {
    self.init(event: event, kind: kind, answer: answer)
  }
}

/// The signatures of a session, in one piece or in several that GET RESPONSE fetches.
private struct SignatureClaims {
  typealias Difference = RecordingReplay.Difference

  /// Those that are whole and not the recorded ones.
  private(set) var unproven: [SignatureClaim] = []
  /// The one that has pieces to come.
  private var open: SignatureClaim?

  /// Takes what the card answered to a command.
  ///
  /// - Returns: a difference that no signature can explain.
  mutating func take(_ answer: [UInt8], to command: [UInt8], expected: [UInt8], event: Int) -> Difference? {
    let isContinued = open != nil && command.starts(with: [0x00, Instruction.getResponse.rawValue])
    if !isContinued, let difference = end() { return difference }
    let difference = answer == expected ? nil : Difference(event, .response, answer)
    guard var claim = isContinued ? open : SignatureClaim(command, event: event) else { return difference }
    open = nil
    if let difference {
      guard answer.count == expected.count, answer.suffix(2) == expected.suffix(2) else { return difference }
      // Whatever the other pieces are, the signature is not the recorded one.
      if claim.difference == nil { claim.difference = difference }
    }
    switch claim.take(answer) {
    case .more: open = claim
    case .whole: if claim.difference != nil { unproven.append(claim) }
    case .none: return claim.difference
    }
    return nil
  }

  /// Gives up the signature whose other pieces nobody fetched.
  ///
  /// - Returns: where it differed, as it can be verified no more.
  mutating func end() -> Difference? {
    defer { open = nil }
    return open?.difference
  }
}

/// A response that should be a signature over something known.
private struct SignatureClaim {
  /// Whether a response made the signature whole.
  enum Progress { case none, more, whole }

  private enum Subject {
    /// INTERNAL AUTHENTICATE, over the structure with this challenge.
    case challenge([UInt8])
    /// PSO: COMPUTE DIGITAL SIGNATURE, over this digest.
    case digest([UInt8])
  }

  private static let octets = 64

  let event: Int
  private(set) var signature: [UInt8] = []
  /// The first piece that is not the recorded one.
  var difference: RecordingReplay.Difference?
  private let subject: Subject

  /// What this command asks to be signed; `nil` for any other, or inside a secure channel, where nobody can tell.
  init?(_ octets: [UInt8], event: Int) {
    guard let command = try? CommandAPDU(parsing: octets.span.bytes), command.cla == 0x00 else { return nil }
    switch (Instruction(rawValue: command.ins), command.p1, command.p2, command.data.count) {
    case (.internalAuthenticate, 0, 0, 8...64): subject = .challenge(command.data)
    case (.performSecurityOperation, 0x9E, 0x9A, 32): subject = .digest(command.data)
    default: return nil
    }
    self.event = event
  }

  /// Takes the next piece of the signature.
  mutating func take(_ response: [UInt8]) -> Progress {
    guard response.count >= 2 else { return .none }
    signature += response.dropLast(2)
    switch (response[response.count - 2], response[response.count - 1]) {
    case (0x90, 0x00): return signature.count == SignatureClaim.octets ? .whole : .none
    case (0x61, _): return signature.count <= SignatureClaim.octets ? .more : .none
    default: return .none
    }
  }

  /// Whether the card's own public key says so.
  func isGood(on connection: CardConnection) throws(CardError) -> Bool {
    switch subject {
    case .challenge(let challenge):
      let status = try octets(.applicationStatus, connection)
      let key = try octets(.authenticationPublicKey, connection)
      return SignatureClaim.verifies(key, status: status, challenge: challenge, signature)
    case .digest(let digest):
      let key = try octets(.signaturePublicKey, connection)
      return (try? VerificationKey(octets: key).verify(digest: digest, signature)) != nil
    }
  }

  private static func verifies(_ key: [UInt8], status: [UInt8], challenge: [UInt8], _ signature: [UInt8]) -> Bool {
    let input = OctetBuffer(capacity: 256)
    guard let serial = (try? ApplicationStatus(status.span.bytes))?.serial.octets,
      (try? input.becomeAuthenticationInput(serial: serial.span.bytes, challenge: challenge.span.bytes)) != nil
    else { return false }
    return (try? VerificationKey(octets: key).verify(input.withBytes { $0.octets }, signature)) != nil
  }

  private func octets(_ tag: DataTag, _ connection: CardConnection) throws(CardError) -> [UInt8] {
    try connection.data(.getData(tag), operation: "read the card's public key")
  }
}

/// The line to the card that a session is repeated over.
private struct ReplayLine {
  private let transport: any APDUTransport

  init(_ transport: any APDUTransport) { self.transport = transport }

  func reset() throws(CardError) -> [UInt8] {
    do { return try transport.reset() } catch { throw CardError(error, operation: "reset the card") }
  }

  func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
    do { return try transport.transmit(command) } catch { throw CardError(error, operation: "repeat a command") }
  }

  /// The answer, if there is one.
  func answer(to command: [UInt8]) -> [UInt8]? { try? transport.transmit(command) }
}
