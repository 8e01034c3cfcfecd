import Octets

/// Which of SCP03's two sizes of challenge, cryptogram and MAC a session uses (Amendment D, 1.2, section 5.1).
public enum SecureChannelMode: UInt8, Sendable, CaseIterable {
  /// Eight octets each.
  case s8 = 8
  /// Sixteen octets each.
  case s16 = 16

  /// Octets of a challenge, a cryptogram and a MAC.
  public var octets: Int { Int(rawValue) }

  /// The mode whose challenges have `octets` octets.
  public init?(challengeOctets octets: Int) {
    switch octets {
    case 8: self = .s8
    case 16: self = .s16
    default: return nil
    }
  }
}

/// What protects the messages of a session: P1 of EXTERNAL AUTHENTICATE (Amendment D, 7.1.2.3).
public struct SecurityLevel: OptionSet, Hashable, Sendable {
  /// The octet.
  public let rawValue: UInt8

  /// The level of this octet; see ``isDefined``.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Commands carry a MAC.
  public static let commandMAC = SecurityLevel(rawValue: 0x01)
  /// Command data is encrypted.
  public static let commandDecryption = SecurityLevel(rawValue: 0x02)
  /// Responses carry a MAC.
  public static let responseMAC = SecurityLevel(rawValue: 0x10)
  /// Response data is encrypted.
  public static let responseEncryption = SecurityLevel(rawValue: 0x20)

  /// 33: everything.
  public static let full: SecurityLevel = [.commandMAC, .commandDecryption, .responseMAC, .responseEncryption]

  /// The levels that the standard defines: 00, 01, 03, 11, 13, 33.
  public static let defined: [SecurityLevel] = [
    [],
    [.commandMAC],
    [.commandMAC, .commandDecryption],
    [.commandMAC, .responseMAC],
    [.commandMAC, .commandDecryption, .responseMAC],
    .full,
  ]

  /// Whether it is one of ``defined``.
  public var isDefined: Bool {
    switch rawValue {
    case 0x00, 0x01, 0x03, 0x11, 0x13, 0x33: true
    default: false
    }
  }
}

extension SecurityLevel: CustomStringConvertible {
  /// Its two hexadecimal digits.
  public var description: String { Hex.encode([rawValue]) }
}

/// The protocol's parameter "i": which options a card uses (Amendment D, 5.1, table 5-1).
public struct SecureChannelOptions: OptionSet, Hashable, Sendable {
  /// The octet.
  public let rawValue: UInt8

  /// The options of this octet.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Mode S16; without it, S8.
  public static let s16 = SecureChannelOptions(rawValue: 0x01)
  /// The card challenge is pseudo-random: computed from a counter. Without it, random.
  public static let pseudoRandomChallenge = SecureChannelOptions(rawValue: 0x10)
  /// R-MAC is supported.
  public static let responseMAC = SecureChannelOptions(rawValue: 0x20)
  /// R-ENCRYPTION is supported; only ever beside R-MAC.
  public static let responseEncryption = SecureChannelOptions(rawValue: 0x40)

  /// Whether a card with these options can keep `level`.
  public func allows(_ level: SecurityLevel) -> Bool {
    guard level.isDefined else { return false }
    if level.contains(.responseMAC), !contains(.responseMAC) { return false }
    return !level.contains(.responseEncryption) || contains(.responseEncryption)
  }
}

/// Where the three keys of an SCP03 key set lie; whoever owns the slots loads and erases them.
public struct StaticKeySlots: Hashable, Sendable {
  /// Key-ENC: from it comes S-ENC.
  public var enc: KeySlot
  /// Key-MAC: from it come S-MAC and S-RMAC.
  public var mac: KeySlot
  /// Key-DEK: encrypts keys and other sensitive data as it is.
  public var dek: KeySlot

  /// A key set in these slots.
  public init(enc: KeySlot, mac: KeySlot, dek: KeySlot) {
    self.enc = enc
    self.mac = mac
    self.dek = dek
  }
}

/// Where a session's keys go; the session fills the slots and erases them at its end.
public struct SessionKeySlots: Hashable, Sendable {
  /// S-ENC: encrypts data and initialisation vectors.
  public var enc: KeySlot
  /// S-MAC: cryptograms and C-MAC.
  public var mac: KeySlot
  /// S-RMAC: R-MAC.
  public var rmac: KeySlot

  /// Session keys in these slots.
  public init(enc: KeySlot, mac: KeySlot, rmac: KeySlot) {
    self.enc = enc
    self.mac = mac
    self.rmac = rmac
  }
}
