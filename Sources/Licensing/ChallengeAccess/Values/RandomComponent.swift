import Cryptography

/// The random component of a message (C4): chance, with a time stamp (C5) inserted at an offset (C6).
///
/// ```
/// 0         offset     offset + 8            40
/// | chance  | seconds  | the rest of chance  |
/// ```
///
/// The offset is up to chance too, and stands beside the component in the message.
public struct RandomComponent: Hashable, Sendable {
  /// Octets of chance.
  public static let chanceOctets = 32
  /// Octets of the time stamp.
  public static let timeOctets = 8
  /// Octets of the component.
  public static let octetCount = chanceOctets + timeOctets
  /// Where the time stamp may begin.
  public static let offsets: ClosedRange<UInt8> = 0...UInt8(chanceOctets)

  /// The component, 40 octets.
  public let octets: [UInt8]
  /// Where the time stamp begins.
  public let offset: UInt8

  /// Inserts `time` (seconds since 1970 UTC) into `chance`.
  ///
  /// - Parameter chance: 32 octets.
  /// - Returns: `nil` for another number of octets, or an offset past 32.
  public init?(chance: [UInt8], time: UInt64, offset: UInt8) {
    guard chance.count == RandomComponent.chanceOctets, RandomComponent.offsets.contains(offset) else { return nil }
    let stamp = (0..<RandomComponent.timeOctets).map { UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * $0)) }
    octets = chance[..<Int(offset)] + stamp + chance[Int(offset)...]
    self.offset = offset
  }

  /// A component that came in a message.
  ///
  /// - Returns: `nil` unless there are 40 octets and the offset is 32 at most.
  public init?(octets: [UInt8], offset: UInt8) {
    guard octets.count == RandomComponent.octetCount, RandomComponent.offsets.contains(offset) else { return nil }
    self.octets = octets
    self.offset = offset
  }

  /// A new component that holds `time`, with chance and offset from `random`.
  public init(at time: UInt64, random: any RandomSource) {
    let chance = random.octets(RandomComponent.chanceOctets)
    // Three octets make each of the 33 offsets as likely as any other to one part in a hundred thousand; nothing depends
    // on their being secret.
    let number = random.octets(3).reduce(0) { $0 << 8 | Int($1) }
    let offset = number % RandomComponent.offsets.count
    let stamp = (0..<RandomComponent.timeOctets).map { UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * $0)) }
    octets = chance[..<offset] + stamp + chance[offset...]
    self.offset = UInt8(offset)
  }

  /// The time stamp, taken out again: seconds since 1970 UTC.
  public var time: UInt64 {
    octets[Int(offset)..<Int(offset) + RandomComponent.timeOctets].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// What is left without the time stamp, 32 octets.
  public var chance: [UInt8] {
    Array(octets[..<Int(offset)] + octets[(Int(offset) + RandomComponent.timeOctets)...])
  }
}

/// How long a message is good.
public struct AccessWindow: Hashable, Sendable {
  /// Seconds from the time stamp to the last moment of an answer.
  public var lifetime: UInt64
  /// By how many seconds the clocks of two instances of one centre may differ.
  public var tolerance: UInt64

  /// A window.
  public init(lifetime: UInt64, tolerance: UInt64) {
    self.lifetime = lifetime
    self.tolerance = tolerance
  }

  /// A minute for the answer, and five seconds between clocks.
  public static let standard = AccessWindow(lifetime: 60, tolerance: 5)

  /// Whether a time stamp is neither too old nor from the future (C5).
  func check(_ stamp: UInt64, at now: UInt64) -> Freshness {
    if stamp > now { return stamp - now > tolerance ? .future : .fresh }
    return now - stamp > lifetime ? .stale : .fresh
  }

  enum Freshness { case fresh, stale, future }
}
