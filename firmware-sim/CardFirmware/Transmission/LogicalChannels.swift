import SecureChannel

/// What one logical channel is about, from its opening to its closing (ISO/IEC 7816-4, 5.4).
///
/// Nothing in it is shared: a PIN that one program verified, or a file that it selected, is nobody else's.
///
/// An object, so that a command changes it where it is: Swift 6.3.1 loses, when it optimises, all but the last octet that a
/// loop writes into a value in an `InlineArray`.
final class LogicalChannel {
  /// The application that SELECT chose.
  var application = Application.issuerDomain
  /// The current elementary file.
  var file = CurrentFile.none
  /// PIN verified on this channel.
  var isPINVerified = false
  /// The centre proved itself on this channel by EXTERNAL AUTHENTICATE.
  var isCenterAuthenticated = false
  /// Which keys the security commands take.
  var environment = SecurityEnvironment()
  /// The challenge that GET CHALLENGE gave last, for one use.
  var challenge = InlineArray<32, UInt8>(repeating: 0)
  /// Its length; 0 when there is none.
  var challengeOctets = 0
  /// The key of a drive that the centre vouched for, by PSO: VERIFY CERTIFICATE.
  var driveKey = P256PublicKey(repeating: 0)
  /// Whether there is one.
  var hasDriveKey = false

  /// As after a reset of the card.
  func reset() {
    application = .issuerDomain
    file = .none
    isPINVerified = false
    isCenterAuthenticated = false
    environment = SecurityEnvironment()
    challenge = InlineArray(repeating: 0)
    challengeOctets = 0
    hasDriveKey = false
  }
}

/// An application on the card, in the order in which SELECT finds them.
enum Application: UInt8 {
  /// GlobalPlatform's issuer security domain, selected after reset.
  case issuerDomain
  /// The Warifu application.
  case warifu
}

/// The elementary file that READ BINARY and UPDATE BINARY are about.
enum CurrentFile: Equatable {
  /// None was selected.
  case none
  /// EF.ATR/INFO.
  case information
  /// Carried software, by its slot.
  case carried(UInt16)
}

/// The card's logical channels, of which the basic one is always open.
struct LogicalChannels {
  /// How many there are.
  static let count: UInt8 = 4

  private let states = InlineArray<4, LogicalChannel> { _ in LogicalChannel() }
  /// One bit for each open channel.
  private var open: UInt8 = 1
  /// The channel that the command at hand came on.
  private(set) var number: UInt8 = 0

  /// Whether channel `number` is open; one that the card does not have never is.
  func isOpen(_ number: UInt8) -> Bool { number < LogicalChannels.count && open & (1 << number) != 0 }

  /// Makes an open channel the one of the command at hand.
  mutating func enter(_ number: UInt8) { self.number = number }

  /// The channel of the command at hand.
  var current: LogicalChannel { states[Int(number)] }

  /// The lowest channel that is closed.
  var firstClosed: UInt8? {
    for number in 1..<LogicalChannels.count where !isOpen(number) { return number }
    return nil
  }

  /// Opens a closed channel: from the basic one as after a reset, from another with that one's application selected.
  mutating func open(_ number: UInt8) {
    let opened = states[Int(number)]
    opened.reset()
    if self.number != 0 { opened.application = current.application }
    open |= 1 << number
  }

  /// Closes a channel; all it had is forgotten. The basic one opens anew at once.
  mutating func close(_ number: UInt8) {
    states[Int(number)].reset()
    if number != 0 { open &= ~(1 << number) }
  }

  /// Forgets on every channel that the PIN was verified.
  func forgetPIN() {
    for number in 0..<Int(LogicalChannels.count) { states[number].isPINVerified = false }
  }

  /// Closes every channel but the current one, which is as after a reset then.
  mutating func closeAll() {
    for number in 0..<LogicalChannels.count where number != self.number { close(number) }
    current.reset()
  }

  /// As after a reset of the card: the basic channel alone is open.
  mutating func reset() {
    enter(0)
    closeAll()
  }
}
