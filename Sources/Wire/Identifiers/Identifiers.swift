import Octets

/// The identifier of one title on a master medium: SIDi of the seeds, `DID` in embodiment 2 (M2). 16 octets.
///
/// Software ids and medium ids are disjoint, typed name spaces: they are different Swift
/// types, and every MAC or key derivation takes them in under different ``FieldType``s.
public struct SoftwareID: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every software id.
  public static let octetCount = 16

  /// The 16 octets.
  public let octets: [UInt8]

  /// The id of these octets; `nil` unless there are 16.
  public init?(octets: [UInt8]) {
    guard octets.count == SoftwareID.octetCount else { return nil }
    self.octets = octets
  }

  /// The id that `text` spells, `S-` and 32 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard let octets = decode(text, prefix: 0x53) else { return nil }
    self.init(octets: octets)
  }

  /// `S-` and 32 hexadecimal digits.
  public var description: String { "S-" + Hex.encode(octets) }
}

/// The identifier of one medium, burnt in at the factory: IDk of the seeds, `Mid` in embodiment 2 (M3). 1 to 64 octets.
public struct MediumID: Hashable, Sendable, CustomStringConvertible {
  /// The most octets an id may have.
  public static let maximumOctetCount = 64

  /// The octets as the medium gives them.
  public let octets: [UInt8]

  /// The id of these octets; `nil` if there are none, or more than 64.
  public init?(octets: [UInt8]) {
    guard (1...MediumID.maximumOctetCount).contains(octets.count) else { return nil }
    self.octets = octets
  }

  /// The id that `text` spells, `M-` and hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard let octets = decode(text, prefix: 0x4D) else { return nil }
    self.init(octets: octets)
  }

  /// `M-` and hexadecimal digits.
  public var description: String { "M-" + Hex.encode(octets) }
}

/// The serial of one card, 8 octets, written as 16 hexadecimal digits.
public struct CardSerial: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every serial.
  public static let octetCount = 8

  /// The 8 octets.
  public let octets: [UInt8]

  /// The serial of these octets; `nil` unless there are 8.
  public init?(octets: [UInt8]) {
    guard octets.count == CardSerial.octetCount else { return nil }
    self.octets = octets
  }

  /// The serial that `text` spells in 16 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 16, let octets = Hex.decode(text) else { return nil }
    self.init(octets: octets)
  }

  /// 16 hexadecimal digits.
  public var description: String { Hex.encode(octets) }
}

/// The octets that `text` spells behind `prefix` (an upper case letter; lower case will do) and a hyphen, in digits only:
/// an identifier has one spelling but for the case of its letters.
private func decode(_ text: some StringProtocol, prefix: UInt8) -> [UInt8]? {
  let utf8 = Array(text.utf8)
  guard utf8.count > 2, utf8[0] == prefix || utf8[0] == prefix + 0x20, utf8[1] == 0x2D else { return nil }
  let digits = utf8[2...]
  guard let octets = Hex.decode(String(decoding: digits, as: UTF8.self)), octets.count * 2 == digits.count else {
    return nil
  }
  return octets
}
