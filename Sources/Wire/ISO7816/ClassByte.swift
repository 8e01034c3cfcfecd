/// The class octet of a command (ISO/IEC 7816-4, 5.4.1; GlobalPlatform 2.3.1, 11.1.4).
///
/// GlobalPlatform's classes are ISO's with bit 8 set: 80 to 9F as 00 to 1F, C0 to FE as 40 to 7E.
public struct ClassByte: RawRepresentable, Hashable, Sendable {
  /// The octet.
  public let rawValue: UInt8

  /// The class of this octet.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The class octet on a logical channel.
  ///
  /// - Parameters:
  ///   - isProprietary: GlobalPlatform's class (bit 8 set) instead of the interindustry one.
  ///   - channel: 0 to 19; higher numbers give `nil`.
  ///   - isChained: another command of the chain follows.
  ///   - isSecured: secure messaging in GlobalPlatform's format.
  public init?(isProprietary: Bool, channel: UInt8, isChained: Bool = false, isSecured: Bool = false) {
    var octet: UInt8 = (isProprietary ? 0x80 : 0) | (isChained ? 0x10 : 0)
    switch channel {
    case 0...3: octet |= channel | (isSecured ? 0x04 : 0)
    case 4...19: octet |= 0x40 | (channel - 4) | (isSecured ? 0x20 : 0)
    default: return nil
    }
    guard octet != 0xFF else { return nil }
    rawValue = octet
  }

  /// What the upper bits say.
  public enum Kind: Hashable, Sendable {
    /// 00 to 1F: interindustry, channels 0 to 3.
    case firstInterindustry
    /// 40 to 7F: interindustry, channels 4 to 19.
    case furtherInterindustry
    /// 80 to 9F: GlobalPlatform's and proprietary, channels 0 to 3.
    case firstProprietary
    /// C0 to FE: GlobalPlatform's and proprietary, channels 4 to 19.
    case furtherProprietary
    /// 20 to 3F, A0 to BF: reserved; FF: invalid (ISO/IEC 7816-3).
    case invalid
  }

  /// How a command says that it is protected.
  public enum SecureMessaging: Hashable, Sendable {
    /// Not at all.
    case none
    /// In a proprietary format, which is GlobalPlatform's (first classes only).
    case proprietary
    /// In ISO/IEC 7816-4's format, the header not authenticated (first classes only).
    case withoutHeader
    /// In ISO/IEC 7816-4's format, the header authenticated (first classes only).
    case withHeader
    /// In whatever format is in use: further classes have one bit for it.
    case indicated
  }

  /// What the upper bits say.
  public var kind: Kind {
    switch rawValue {
    case 0x00...0x1F: .firstInterindustry
    case 0x40...0x7F: .furtherInterindustry
    case 0x80...0x9F: .firstProprietary
    case 0xC0...0xFE: .furtherProprietary
    default: .invalid
    }
  }

  /// Whether the class is defined at all.
  public var isValid: Bool { kind != .invalid }

  /// Whether bit 8 says that the instruction is not ISO/IEC 7816-4's.
  public var isProprietary: Bool { rawValue & 0x80 != 0 }

  private var isFurther: Bool { rawValue & 0x40 != 0 }

  /// Number of the logical channel, 0 to 19.
  public var logicalChannel: UInt8 { isFurther ? 4 + (rawValue & 0x0F) : rawValue & 0x03 }

  /// Whether another command of the chain follows (ISO/IEC 7816-4, 5.3.3).
  public var isChained: Bool { rawValue & 0x10 != 0 }

  /// How the command says that it is protected.
  public var secureMessaging: SecureMessaging {
    if isFurther { return rawValue & 0x20 == 0 ? .none : .indicated }
    switch rawValue & 0x0C {
    case 0x04: return .proprietary
    case 0x08: return .withoutHeader
    case 0x0C: return .withHeader
    default: return .none
    }
  }

  /// Whether the command says that a GlobalPlatform secure channel protects it.
  public var isGlobalPlatformSecured: Bool {
    secureMessaging == .proprietary || secureMessaging == .indicated
  }

  /// The same class with the indication of GlobalPlatform's secure messaging.
  public var secured: ClassByte {
    ClassByte(rawValue: isFurther ? rawValue | 0x20 : rawValue & 0xF3 | 0x04)
  }

  /// The same class without any indication of secure messaging.
  public var unsecured: ClassByte {
    ClassByte(rawValue: isFurther ? rawValue & 0xDF : rawValue & 0xF3)
  }

  /// The same class on the basic logical channel, everything else kept.
  public var onBasicChannel: ClassByte {
    guard isFurther else { return ClassByte(rawValue: rawValue & 0xFC) }
    return ClassByte(rawValue: rawValue & 0x90 | (rawValue & 0x20 == 0 ? 0 : 0x04))
  }
}
