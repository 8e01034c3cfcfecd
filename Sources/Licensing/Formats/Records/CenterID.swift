import Octets

/// The identifier of one licence centre: IDc of the seeds (M5). 16 octets, made at random with the centre.
public struct CenterID: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every centre id.
  public static let octetCount = 16

  /// The 16 octets.
  public let octets: [UInt8]

  /// The id of these octets; `nil` unless there are 16.
  public init?(octets: [UInt8]) {
    guard octets.count == CenterID.octetCount else { return nil }
    self.octets = octets
  }

  /// The id that `text` spells, `C-` and 32 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    let utf8 = Array(text.utf8)
    guard utf8.count == 34, utf8[0] == 0x43 || utf8[0] == 0x63, utf8[1] == 0x2D else { return nil }
    guard let octets = Hex.decode(text.dropFirst(2)) else { return nil }
    self.init(octets: octets)
  }

  /// `C-` and 32 hexadecimal digits.
  public var description: String { "C-" + Hex.encode(octets) }
}

/// The caller's name for one operation: repeating it never repeats its effect. 16 random octets.
public struct OperationID: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every operation id.
  public static let octetCount = 16

  /// The 16 octets.
  public let octets: [UInt8]

  /// The id of these octets; `nil` unless there are 16.
  public init?(octets: [UInt8]) {
    guard octets.count == OperationID.octetCount else { return nil }
    self.octets = octets
  }

  /// The id that `text` spells in 32 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, let octets = Hex.decode(text) else { return nil }
    self.init(octets: octets)
  }

  /// 32 hexadecimal digits.
  public var description: String { Hex.encode(octets) }
}
