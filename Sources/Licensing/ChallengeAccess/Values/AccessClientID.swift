import Identifiers
import Octets

/// The identifier of a machine that the centre knows by its key, 16 random octets.
public struct MachineID: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every machine's id.
  public static let octetCount = 16

  /// The 16 octets.
  public let octets: [UInt8]

  /// The id of these octets; `nil` unless there are 16.
  public init?(octets: [UInt8]) {
    guard octets.count == MachineID.octetCount else { return nil }
    self.octets = octets
  }

  /// The id that `text` spells, `W-` and 32 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    let utf8 = Array(text.utf8)
    guard utf8.count == 34, utf8[0] == 0x57 || utf8[0] == 0x77, utf8[1] == 0x2D,
      let octets = Hex.decode(text.dropFirst(2))
    else { return nil }
    self.init(octets: octets)
  }

  /// `W-` and 32 hexadecimal digits.
  public var description: String { "W-" + Hex.encode(octets) }
}

/// Who asks for access: the second computer system of the source (C1). A card is known by its authentication
/// certificate, a machine by its key.
public enum AccessClientID: Hashable, Sendable, CustomStringConvertible {
  /// A card that the centre issued.
  case card(CardSerial)
  /// A machine that was registered at the centre.
  case machine(MachineID)

  /// 8 octets for a card, 16 for a machine.
  public var octets: [UInt8] {
    switch self {
    case .card(let serial): serial.octets
    case .machine(let machine): machine.octets
    }
  }

  /// The id of these octets; its length says of what.
  public init?(octets: [UInt8]) {
    if let serial = CardSerial(octets: octets) {
      self = .card(serial)
    } else if let machine = MachineID(octets: octets) {
      self = .machine(machine)
    } else {
      return nil
    }
  }

  /// The id that `text` spells: a card's serial, or a machine's id.
  public init?(_ text: some StringProtocol) {
    if let serial = CardSerial(text) {
      self = .card(serial)
    } else if let machine = MachineID(text) {
      self = .machine(machine)
    } else {
      return nil
    }
  }

  /// A card's serial, or a machine's id.
  public var description: String {
    switch self {
    case .card(let serial): serial.description
    case .machine(let machine): machine.description
    }
  }
}

/// What somebody wants access as. The numbers stand in records: never reuse one.
public enum AccessRole: UInt8, Hashable, Sendable, CaseIterable {
  /// Sells and charges.
  case counter = 1
  /// Sees and uses what is the holder's own.
  case holder = 2
  /// Fetches software without a person.
  case machine = 3
  /// Reads accounts and the audit log, and changes nothing.
  case auditor = 4

  /// The role's name, as it stands in tables and answers.
  public var name: String { String(describing: self) }

  /// The role of this name.
  public init?(name: String) {
    guard let role = AccessRole.allCases.first(where: { $0.name == name }) else { return nil }
    self = role
  }
}

/// One exchange of challenge and answer, 16 random octets.
public struct AccessSession: Hashable, Sendable, CustomStringConvertible {
  /// Octets in every session.
  public static let octetCount = 16

  /// The 16 octets.
  public let octets: [UInt8]

  /// The session of these octets; `nil` unless there are 16.
  public init?(octets: [UInt8]) {
    guard octets.count == AccessSession.octetCount else { return nil }
    self.octets = octets
  }

  /// The session that `text` spells in 32 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, let octets = Hex.decode(text) else { return nil }
    self.init(octets: octets)
  }

  /// 32 hexadecimal digits.
  public var description: String { Hex.encode(octets) }
}
