import Cryptography
import ISO7816
import Octets
import SecureChannel

/// The card's end of an SCP03 channel that answers every command with its own data, and a host's recorded commands.
final class EchoChannel {
  private let opening: [[UInt8]]
  private let commands: [[UInt8]]

  private static let staticKeys = StaticKeySlots(
    enc: KeySlot(rawValue: 0), mac: KeySlot(rawValue: 1), dek: KeySlot(rawValue: 2))
  private static let sessionKeys = SessionKeySlots(
    enc: KeySlot(rawValue: 3), mac: KeySlot(rawValue: 4), rmac: KeySlot(rawValue: 5))

  /// Records a session at level 33 with commands of so many octets.
  init(octets: Int, exchanges: Int) throws {
    let card = try End()
    var host = SecureChannelHost(
      engine: try EchoChannel.engine(), staticKeys: EchoChannel.staticKeys, sessionKeys: EchoChannel.sessionKeys,
      mode: .s8, level: .full, keyVersion: 1, hostChallenge: Array(1...8))
    let update = host.initializeUpdate()
    let authenticate = try host.externalAuthenticate(after: try card.answer(try update.encoded()))
    try host.confirm(try card.answer(try authenticate.encoded()))
    opening = [try update.encoded(), try authenticate.encoded()]
    var commands: [[UInt8]] = []
    let plain = CommandAPDU(cla: 0x80, ins: 0xE2, data: [UInt8](repeating: 0x33, count: octets), le: 256)
    for _ in 0..<exchanges {
      let command = try host.wrap(plain).encoded()
      let answer = try host.unwrap(try card.answer(command))
      guard answer.status == .ok, answer.data == plain.data else { throw MeasurementError("no echo") }
      commands.append(command)
    }
    self.commands = commands
  }

  /// Plays `count` exchanges, opening the session anew as often as the recording ends.
  ///
  /// - Returns: how long the card's end took for them.
  func play(_ count: Int) throws -> Duration {
    var time = Duration.zero
    var left = count
    while left > 0 {
      let card = try End()
      for command in opening { _ = try card.answer(command) }
      let part = commands.prefix(left)
      time += try ContinuousClock().measure {
        for command in part { try card.execute(command.span.bytes) }
      }
      left -= part.count
    }
    return time
  }

  /// Both ends have the same keys, and the same chance every time.
  private static func engine() throws -> OpenSSLEngine {
    let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
    for (slot, octet) in [(staticKeys.enc, UInt8(1)), (staticKeys.mac, 2), (staticKeys.dek, 3)] {
      let key = [UInt8](repeating: octet, count: 32)
      try engine.load(key.span.bytes, into: slot)
    }
    return engine
  }

  /// The card's end.
  private final class End {
    private var channel: SecureChannelCard
    private let data = OctetBuffer(capacity: 1_024)

    init() throws {
      channel = SecureChannelCard(
        engine: try EchoChannel.engine(), staticKeys: EchoChannel.staticKeys, sessionKeys: EchoChannel.sessionKeys)
    }

    /// One exchange in full: what a command brings goes back.
    func execute(_ command: RawSpan) throws(StatusWord) {
      let view = try CommandView(command)
      data.removeAll()
      do { try data.append(view.data) } catch { throw .wrongLength }
      _ = try channel.unwrap(view.header, data: data)
      try channel.wrap(data, status: .ok)
    }

    /// Any command of the session, with its answer.
    func answer(_ command: [UInt8]) throws -> ResponseAPDU {
      let view = try CommandView(command.span.bytes)
      switch view.ins {
      case 0x50:
        let diversification = [UInt8](repeating: 0, count: 10)
        try channel.initializeUpdate(
          view.header, hostChallenge: view.data, keyVersion: 1, diversificationData: diversification.span.bytes,
          into: data)
      case 0x82:
        try channel.externalAuthenticate(view.header, data: view.data)
        data.removeAll()
      default: try execute(command.span.bytes)
      }
      return ResponseAPDU(data: data.withBytes { $0.octets }, status: .ok)
    }
  }
}
