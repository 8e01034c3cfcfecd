import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets

/// PIN and PUK of a card as its holder gets them, on paper of their own. Secrets until they are handed over.
public struct PINLetter: Sendable {
  /// The card.
  public let cardSerial: CardSerial
  /// Six digits.
  public let pin: String
  /// Eight digits.
  public let puk: String

  /// The letter as it is printed.
  public var text: String { "PIN LETTER\nCard  \(cardSerial)\nPIN   \(pin)\nPUK   \(puk)\n" }

  private static let pinDigits = 6
  private static let pukDigits = 8

  /// A new PIN and PUK as the card stores them: 8 octets each, padded with FF.
  static func makeReferenceData(from random: any RandomSource) throws(OctetError) -> Secret {
    let buffer = OctetBuffer(capacity: 2 * CardProtocol.pinOctets)
    try appendDigits(pinDigits, to: buffer, from: random)
    try buffer.append(repeating: 0xFF, count: CardProtocol.pinOctets - pinDigits)
    try appendDigits(pukDigits, to: buffer, from: random)
    return buffer.withBytes { Secret(copying: $0) }
  }

  /// Reads what ``makeReferenceData(from:)`` made.
  init(_ serial: CardSerial, referenceData: borrowing Secret) {
    let octets = referenceData.withBytes { $0.octets }
    cardSerial = serial
    pin = String(decoding: octets.prefix(PINLetter.pinDigits), as: UTF8.self)
    puk = String(decoding: octets.suffix(PINLetter.pukDigits), as: UTF8.self)
  }

  /// Appends `count` decimal digits, each of them equally likely.
  private static func appendDigits(
    _ count: Int, to buffer: OctetBuffer, from random: any RandomSource
  ) throws(OctetError) {
    let end = buffer.count + count
    while buffer.count < end {
      try Secret(random: count, from: random).withBytes { (drawn) throws(OctetError) in
        for index in 0..<drawn.byteCount where drawn[octet: index] < 250 && buffer.count < end {
          try buffer.append(0x30 + drawn[octet: index] % 10)
        }
      }
    }
  }
}

extension CardIssuer {
  /// PIN and PUK of an issued card, until ``confirmPINLetter(of:)``.
  public func pinLetter(of serial: CardSerial) async throws(CenterError) -> PINLetter {
    let context = context
    return try await context.database.read { transaction in
      let card = try CardRow.issued(transaction, serial)
      guard let sealed = try card.row.optionalOctets("reference_data") else {
        throw CenterError(
          .conflict, "Printing the PIN letter of \(serial)", remedy: "It was printed; the centre no longer knows them.")
      }
      return PINLetter(serial, referenceData: try context.vault.open(sealed, .referenceData, row: serial.octets))
    }
  }

  /// Says that the letter is printed: the centre forgets PIN and PUK. Saying so again changes nothing.
  public func confirmPINLetter(of serial: CardSerial) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      guard try CardRow.issued(transaction, serial).row.optionalOctets("reference_data") != nil else { return }
      try transaction.run("UPDATE cards SET reference_data = NULL WHERE serial = $1", [.blob(serial.octets)])
      try AuditLog.append(transaction, at: context.clock.now(), "card.pin-letter", subject: serial)
    }
  }
}
