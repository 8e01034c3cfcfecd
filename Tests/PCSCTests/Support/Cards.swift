import CardConformance
import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Testing

/// The cards of these suites.
enum Cards {
  /// A blank card that offers this transmission protocol.
  static func blank(_ line: TransmissionProtocol, testKeys: Bool = false) throws -> EmulatedCard.Made {
    var profile = CardProfile.standard
    profile.transmissionProtocol = line
    profile.hasTestKeys = testKeys
    return try EmulatedCard.inMemory(profile: profile, random: SystemRandom())
  }

  /// One that was issued, and what it holds.
  static func issued(_ line: TransmissionProtocol, seed: UInt64 = 7) throws -> (card: EmulatedCard, known: KnownCard) {
    let made = try blank(line)
    let known = try KnownCard(seed: seed)
    try known.issue(
      CardConnection(made.card), transportKeys: made.production.transportKeys, keyVersion: KeyVersion.transportSet)
    return (made.card, known)
  }
}

extension TransmissionProtocol: CustomTestStringConvertible {
  /// T=0 or T=1.
  public var testDescription: String { "T=\(rawValue)" }
}

/// Both kinds of card.
let lines: [TransmissionProtocol] = [.t0, .t1]
