/// The two status octets SW1 SW2 that end every response (ISO/IEC 7816-4, 5.6).
///
/// In firmware a refused command throws its status word: the status word *is* the error.
public struct StatusWord: RawRepresentable, Hashable, Sendable, Error {
  /// SW1 in the high octet, SW2 in the low one.
  public let rawValue: UInt16

  /// The status word of this value.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The status word of these two octets.
  public init(_ sw1: UInt8, _ sw2: UInt8) { rawValue = UInt16(sw1) << 8 | UInt16(sw2) }

  /// The first octet.
  public var sw1: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }

  /// The second octet.
  public var sw2: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
}

extension StatusWord {
  /// 9000: done.
  public static let ok = StatusWord(rawValue: 0x9000)
  /// 6200: a warning without more: MANAGE CHANNEL finds the channel closed already.
  public static let noInformation = StatusWord(rawValue: 0x6200)
  /// 6283: the selected file or application is deactivated, or the card is locked.
  public static let selectedFileInvalidated = StatusWord(rawValue: 0x6283)
  /// 6300: authentication of the host failed (GlobalPlatform 2.3.1, 11).
  public static let authenticationFailed = StatusWord(rawValue: 0x6300)
  /// 6400: execution error, nothing changed.
  public static let executionError = StatusWord(rawValue: 0x6400)
  /// 6581: memory failure.
  public static let memoryFailure = StatusWord(rawValue: 0x6581)
  /// 6700: wrong length.
  public static let wrongLength = StatusWord(rawValue: 0x6700)
  /// 6881: logical channel not supported.
  public static let logicalChannelNotSupported = StatusWord(rawValue: 0x6881)
  /// 6882: secure messaging not supported.
  public static let secureMessagingNotSupported = StatusWord(rawValue: 0x6882)
  /// 6883: last command of the chain expected.
  public static let lastCommandOfChainExpected = StatusWord(rawValue: 0x6883)
  /// 6884: command chaining not supported.
  public static let chainingNotSupported = StatusWord(rawValue: 0x6884)
  /// 6981: command incompatible with file structure.
  public static let incompatibleWithFileStructure = StatusWord(rawValue: 0x6981)
  /// 6982: security status not satisfied.
  public static let securityStatusNotSatisfied = StatusWord(rawValue: 0x6982)
  /// 6983: authentication method blocked.
  public static let authenticationMethodBlocked = StatusWord(rawValue: 0x6983)
  /// 6984: referenced data invalidated.
  public static let referencedDataInvalidated = StatusWord(rawValue: 0x6984)
  /// 6985: conditions of use not satisfied.
  public static let conditionsNotSatisfied = StatusWord(rawValue: 0x6985)
  /// 6986: command not allowed (no current file).
  public static let commandNotAllowed = StatusWord(rawValue: 0x6986)
  /// 6988: incorrect secure messaging data objects.
  public static let incorrectSecureMessaging = StatusWord(rawValue: 0x6988)
  /// 6A80: incorrect parameters in the data field.
  public static let incorrectData = StatusWord(rawValue: 0x6A80)
  /// 6A81: function not supported.
  public static let functionNotSupported = StatusWord(rawValue: 0x6A81)
  /// 6A82: file or application not found.
  public static let fileNotFound = StatusWord(rawValue: 0x6A82)
  /// 6A84: not enough memory space.
  public static let notEnoughMemory = StatusWord(rawValue: 0x6A84)
  /// 6A86: incorrect P1 or P2.
  public static let incorrectP1P2 = StatusWord(rawValue: 0x6A86)
  /// 6A88: referenced data not found.
  public static let referencedDataNotFound = StatusWord(rawValue: 0x6A88)
  /// 6A89: file already exists.
  public static let fileAlreadyExists = StatusWord(rawValue: 0x6A89)
  /// 6B00: offset outside the file.
  public static let wrongOffset = StatusWord(rawValue: 0x6B00)
  /// 6D00: instruction not supported.
  public static let instructionNotSupported = StatusWord(rawValue: 0x6D00)
  /// 6E00: class not supported.
  public static let classNotSupported = StatusWord(rawValue: 0x6E00)
  /// 6F00: no precise diagnosis.
  public static let noPreciseDiagnosis = StatusWord(rawValue: 0x6F00)

  /// 61xx: `count` more octets wait for GET RESPONSE; 0 stands for 256 or more.
  public static func bytesAvailable(_ count: UInt8) -> StatusWord { StatusWord(0x61, count) }
  /// 6Cxx: wrong Le, `length` octets are there; 0 stands for 256.
  public static func wrongLe(_ length: UInt8) -> StatusWord { StatusWord(0x6C, length) }
  /// 63Cx: verification failed, `count` (0...15) tries left.
  public static func retriesLeft(_ count: UInt8) -> StatusWord { StatusWord(0x63, 0xC0 | min(count, 15)) }
}

extension StatusWord {
  /// A family of status words that share SW1.
  public enum Class: Hashable, Sendable {
    /// 9000.
    case success
    /// 61xx.
    case moreData
    /// 62xx and 63xx: something happened, with a warning.
    case warning
    /// 64xx to 66xx: execution errors.
    case executionError
    /// 67xx to 6Fxx: checking errors.
    case checkingError
    /// 6Cxx: wrong Le.
    case wrongLe
    /// Anything that ISO/IEC 7816-4 leaves undefined.
    case undefined
  }

  /// Which family it belongs to.
  public var category: Class {
    switch sw1 {
    case 0x90 where sw2 == 0: .success
    case 0x61: .moreData
    case 0x62, 0x63: .warning
    case 0x64...0x66: .executionError
    case 0x6C: .wrongLe
    case 0x67...0x6F: .checkingError
    default: .undefined
    }
  }

  /// Lets a family match in a `switch`.
  public static func ~= (pattern: Class, value: StatusWord) -> Bool { value.category == pattern }

  /// Octets that GET RESPONSE can fetch (1...256), if this is 61xx.
  public var bytesAvailable: Int? { sw1 == 0x61 ? (sw2 == 0 ? 256 : Int(sw2)) : nil }

  /// The right Le (1...256), if this is 6Cxx.
  public var correctLe: Int? { sw1 == 0x6C ? (sw2 == 0 ? 256 : Int(sw2)) : nil }

  /// Tries left (0...15), if this is 63Cx.
  public var retriesLeft: Int? { rawValue & 0xFFF0 == 0x63C0 ? Int(sw2 & 15) : nil }

  /// Whether a secure channel's R-MAC protects a response that ends so (Amendment D, 6.2.5): 9000, 62xx and 63xx.
  public var carriesResponseMAC: Bool { category == .success || category == .warning }
}
