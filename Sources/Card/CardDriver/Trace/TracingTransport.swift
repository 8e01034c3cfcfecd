import ISO7816
import Octets

/// Tells what passes through a transport, a line each for a command and its answer, without anybody's secrets.
///
/// ```
/// 0.004218 > SELECT 00A40400, 8 octets F057415249465501, Le 256
/// 0.004801 < 9000 done, 21 octets 6F11…; 0.583 ms
/// 0.004801   file control information: application identifier, proprietary data
/// 0.011920 > VERIFY 00200081, 8 octets hidden
/// ```
///
/// The first column is seconds since the transport was made. A secured command's body is its length and nothing else.
public final class TracingTransport: APDUTransport {
  private let transport: any APDUTransport
  private let write: (String) -> Void
  private let now: () -> Duration
  /// What the answer that GET RESPONSE fetches belongs to.
  private var pending: CommandSchema?

  /// Octets of a public body that are shown.
  private static let shownOctets = 64

  /// A trace of `transport`.
  ///
  /// - Parameters:
  ///   - now: the time since any fixed moment; the machine's clock by default.
  ///   - write: takes one line, without its end.
  public init(
    _ transport: any APDUTransport, now: (() -> Duration)? = nil, write: @escaping (String) -> Void
  ) {
    self.transport = transport
    self.write = write
    if let now {
      self.now = now
    } else {
      let clock = ContinuousClock()
      let start = clock.now
      self.now = { clock.now - start }
    }
  }

  /// Those of the transport underneath.
  public var limits: CardTransportLimits { transport.limits }

  /// Resets the card, with a line for that and one for its answer to reset.
  public func reset() throws(CardTransportError) -> [UInt8] {
    pending = nil
    let start = now()
    line(start, "> reset")
    do {
      let answer = try transport.reset()
      line(now(), "< ATR \(Hex.encode(answer)); \(TracingTransport.milliseconds(now() - start))")
      return answer
    } catch {
      fail(error)
      throw error
    }
  }

  /// Sends a command, with a line for it and one for its answer or what went wrong.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    let parsed = try? CommandAPDU(parsing: command.span.bytes)
    let schema = parsed.map(schema)
    let start = now()
    line(start, "> " + TracingTransport.describe(command.count, parsed, schema))
    do {
      let answer = try transport.transmit(command)
      let end = now()
      tell(answer, schema, start, end)
      return answer
    } catch {
      pending = nil
      fail(error)
      throw error
    }
  }

  /// The schema of a command; what GET RESPONSE answers is as public as what was asked for before.
  private func schema(_ command: CommandAPDU) -> CommandSchema {
    guard command.ins == 0xC0, let pending else { return command.schema }
    return pending
  }

  // MARK: Lines

  private static func describe(_ count: Int, _ command: CommandAPDU?, _ schema: CommandSchema?) -> String {
    // Octets that are no command may still hold a PIN, so not even a header is taken out of them.
    guard let command, let schema else { return "no APDU, \(octets(count)) hidden" }
    let name = command.ins == 0xC0 ? "GET RESPONSE to " + schema.name : schema.name
    var text = name + " " + Hex.encode([command.cla, command.ins, command.p1, command.p2])
    if !command.data.isEmpty { text += ", " + body(command.data, isHidden: schema.carriesSecret) }
    if let le = command.le { text += ", Le \(le)" }
    return text
  }

  private func tell(_ answer: [UInt8], _ schema: CommandSchema?, _ start: Duration, _ end: Duration) {
    let duration = TracingTransport.milliseconds(end - start)
    guard let response = try? ResponseAPDU(parsing: answer.span.bytes) else {
      pending = nil
      return line(end, "< no response, \(TracingTransport.octets(answer.count)) hidden; \(duration)")
    }
    pending = response.status.bytesAvailable == nil ? nil : schema
    let meaning = response.status.meaning.replacing(": ", with: " ", maxReplacements: 1)
    let isHidden = schema?.answersSecret ?? true
    var text = "< " + meaning
    if !response.data.isEmpty { text += ", " + TracingTransport.body(response.data, isHidden: isHidden) }
    line(end, text + "; " + duration)
    if !isHidden, response.status.bytesAvailable == nil, let names = TracingTransport.names(response.data) {
      line(end, "  " + names)
    }
  }

  /// The data objects of a public answer by name, if it is nothing but data objects and one of them has a name.
  private static func names(_ data: [UInt8]) -> String? {
    guard let outer = objects(data), outer.count == 1, let first = outer.first, let name = TagName.inAnswer(first.tag)
    else { return nil }
    let inner = objects(first.value)?.compactMap { TagName.inAnswer($0.tag) } ?? []
    return inner.isEmpty ? name : name + ": " + inner.joined(separator: ", ")
  }

  private static func objects(_ octets: [UInt8]) -> [(tag: UInt32, value: [UInt8])]? {
    var reader = TLVReader(octets.span.bytes)
    var found: [(UInt32, [UInt8])] = []
    while !reader.isAtEnd {
      guard let element = try? reader.next() else { return nil }
      found.append((element.tag, element.value.octets))
    }
    return found
  }

  private func fail(_ error: CardTransportError) {
    let change = error.cardMayHaveChanged ? "; the card may have changed" : ""
    line(now(), "! \(error.code): \(error.remedy)\(change)")
  }

  private func line(_ time: Duration, _ text: String) { write("\(TracingTransport.seconds(time)) \(text)") }

  private static func body(_ data: [UInt8], isHidden: Bool) -> String {
    guard !isHidden else { return octets(data.count) + " hidden" }
    let shown = Hex.encode(Array(data.prefix(shownOctets)))
    return octets(data.count) + " " + shown + (data.count > shownOctets ? "…" : "")
  }

  private static func octets(_ count: Int) -> String { "\(count) octet\(count == 1 ? "" : "s")" }

  // MARK: Times

  private static func microseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return max(0, seconds.multipliedReportingOverflow(by: 1_000_000).partialValue &+ attoseconds / 1_000_000_000_000)
  }

  private static func fraction(_ value: Int64, _ unit: Int64, digits: Int) -> String {
    let rest = String(value % unit)
    return "\(value / unit)." + String(repeating: "0", count: max(0, digits - rest.count)) + rest
  }

  private static func seconds(_ duration: Duration) -> String {
    fraction(microseconds(duration), 1_000_000, digits: 6)
  }

  private static func milliseconds(_ duration: Duration) -> String {
    fraction(microseconds(duration), 1_000, digits: 3) + " ms"
  }
}

extension TracingTransport: PINPad {
  /// Those of the reader underneath.
  public var pinPadAbilities: PINPadAbilities { (transport as? any PINPad)?.pinPadAbilities ?? [] }

  /// Has a PIN entered, with a line that says so and one for the card's status word.
  public func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8] {
    guard let pad = transport as? any PINPad else {
      throw CardTransportError(
        .protocolViolation, operation: "have the PIN entered on the reader", cardMayHaveChanged: false,
        remedy: "The reader has no keypad.")
    }
    pending = nil
    let start = now()
    line(start, "> a PIN entered on the reader")
    do {
      let answer = try pad.enter(entry)
      tell(answer, nil, start, now())
      return answer
    } catch {
      fail(error)
      throw error
    }
  }
}
