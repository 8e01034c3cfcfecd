import ISO7816
import Octets

/// A session with a card as it went over the line, octet by octet.
///
/// It holds whatever was said, PINs in clear included: keep it in memory, or in the sealed form of
/// ``write(to:key:random:)``. It prints nothing of itself.
public struct CardRecording: Hashable, Sendable {
  /// One thing that happened on the line.
  public enum Event: Hashable, Sendable {
    /// The card was reset, and answered this.
    case reset([UInt8])
    /// A command and its response, as they stood.
    case exchange(command: [UInt8], response: [UInt8])
    /// A command to which no response came.
    case broken(command: [UInt8])
  }

  /// Everything, in the order in which it happened.
  public var events: [Event]
  /// The seed of the emulated card's chance, where it had one: the same card, in the same state and with the same seed,
  /// answers the same octets.
  public var seed: UInt64?

  /// A recording.
  public init(events: [Event] = [], seed: UInt64? = nil) {
    self.events = events
    self.seed = seed
  }

  /// How many responses are in it.
  public var exchangeCount: Int {
    events.count { if case .exchange = $0 { true } else { false } }
  }
}

extension CardRecording: CustomStringConvertible, CustomReflectable {
  /// Says how much there is, never what.
  public var description: String { "CardRecording(\(events.count) events)" }

  /// Shows no octet.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The form before it is sealed: version 01 ‖ seed flag (1) ‖ seed (8) ‖ events, each type (1) ‖ command or ATR and response
/// behind their lengths (4). All integers big-endian.
extension CardRecording {
  private static let version: UInt8 = 1
  /// The most octets of one recording.
  static let limit = 64 << 20

  private enum Kind: UInt8 { case reset = 1, exchange, broken }

  func encoded() throws(OctetError) -> OctetBuffer {
    let size = events.reduce(10) { total, event in
      switch event {
      case .reset(let octets), .broken(let octets): total + 5 + octets.count
      case .exchange(let command, let response): total + 9 + command.count + response.count
      }
    }
    guard size <= CardRecording.limit else { throw .full }
    let buffer = OctetBuffer(capacity: size)
    try buffer.append(CardRecording.version)
    try buffer.append(UInt8(seed == nil ? 0 : 1))
    try buffer.append(seed ?? 0)
    for event in events {
      switch event {
      case .reset(let answer): try CardRecording.append(.reset, [answer], to: buffer)
      case .exchange(let command, let response):
        try CardRecording.append(.exchange, [command, response], to: buffer)
      case .broken(let command): try CardRecording.append(.broken, [command], to: buffer)
      }
    }
    return buffer
  }

  private static func append(_ kind: Kind, _ parts: [[UInt8]], to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(kind.rawValue)
    for part in parts {
      try buffer.append(UInt32(clamping: part.count))
      try buffer.append(part.span.bytes)
    }
  }

  init(parsing octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    guard try reader.u8() == CardRecording.version else { throw .invalid }
    let hasSeed = try reader.u8() == 1
    let seed = try reader.u64()
    var events: [Event] = []
    while !reader.isAtEnd {
      guard let kind = Kind(rawValue: try reader.u8()) else { throw .invalid }
      let first = try reader.take(Int(try reader.u32())).octets
      switch kind {
      case .reset: events.append(.reset(first))
      case .exchange:
        events.append(.exchange(command: first, response: try reader.take(Int(try reader.u32())).octets))
      case .broken: events.append(.broken(command: first))
      }
    }
    self.init(events: events, seed: hasSeed ? seed : nil)
  }
}
