import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel

/// A card keeps running, tells no key, and answers its issuer at the end, whatever came before.
///
/// An input is the stage of the card's life (1 octet), then steps: what to do (1), length (2), octets.
struct CardTarget {
  /// More than the longest dialogue of ours needs to get anywhere.
  private static let stepLimit = 64

  private let stage: FuzzCard.Stage
  private let card: FuzzCard
  private var session: HostSession?

  static func run(_ input: [UInt8]) throws {
    guard let first = input.first else { return }
    let stages = FuzzCard.Stage.allCases
    var target = try CardTarget(stages[Int(first) % stages.count])
    var reader = OctetReader(input.span.bytes)
    _ = try reader.u8()
    for _ in 0..<stepLimit {
      guard let choice = try? reader.u8(), let length = try? reader.u16() else { break }
      let octets = try reader.take(min(Int(length), reader.remaining)).octets
      try target.step(choice, octets)
    }
    try target.finish()
  }

  private init(_ stage: FuzzCard.Stage) throws {
    self.stage = stage
    card = try FuzzCard(stage)
  }

  private mutating func step(_ choice: UInt8, _ octets: [UInt8]) throws {
    switch choice & 7 {
    case 0: try look(at: try card.transmit(octets))
    case 1: try open(octets.first ?? 5, channel: octets.dropFirst().first ?? 0)
    case 2: if let command = try? CommandAPDU(parsing: octets.span.bytes) { try send(command) }
    case 3: try putKey(octets)
    case 4: try look(at: try card.send(.verify(.pin, value: FuzzCard.pin)))
    case 5: try setTime(octets)
    case 6: card.reset()
    default: try card.remount()
    }
  }

  /// Opens a session of this level on one of four channels, when the card is willing.
  private mutating func open(_ choice: UInt8, channel: UInt8) throws {
    let level = SecurityLevel.defined[Int(choice) % SecurityLevel.defined.count]
    // What is left of a chain would swallow the first command.
    _ = try card.transmit([0x00, 0xC0, 0x00, 0x00, 0x00])
    session = try? HostSession(card, version: FuzzCard.keyVersion(at: stage), level: level, channel: channel & 3)
  }

  /// Sends a command through the session, or as it is when there is none.
  private mutating func send(_ command: CommandAPDU) throws {
    if session == nil { return try look(at: try card.send(command)) }
    guard let response = try? session?.send(command, to: card) else {
      // Either end may have ended the session because of what came outside it.
      session = nil
      return
    }
    try look(at: response)
  }

  /// Version ‖ version replaced ‖ key: PUT KEY as the issuer sends it.
  private mutating func putKey(_ octets: [UInt8]) throws {
    guard octets.count >= 2, [16, 24, 32].contains(octets.count - 2) else { return }
    if let response = try? session?.putKey(octets[0], octets[1], Array(octets[2...]), to: card) {
      try look(at: response)
    }
  }

  /// Tells the card the time, up to four octets of it, as the centre does.
  private func setTime(_ octets: [UInt8]) throws {
    let time = octets.prefix(4).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let challenge = try card.send(.getChallenge(16))
    guard challenge.status == .ok else { return }
    let input = OctetBuffer(capacity: 256)
    let (serial, octets) = (FuzzCard.serial, challenge.data)
    try input.becomeTimeInput(serial: serial.span.bytes, challenge: octets.span.bytes, time: time)
    let signature = try FuzzCard.center().sign(input.withBytes { $0.octets })
    try look(at: try card.send(.setTime(time, signature: signature)))
  }

  private func look(at response: ResponseAPDU) throws {
    for secret in FuzzCard.secrets {
      try promise(response.data.count < secret.count || !response.data.contains(secret), "no answer holds a key")
    }
    try promise(response.status.sw1 >= 0x60, "every answer ends in a status word")
  }

  /// The card's memory is whole, its issuer can still open a session, and nothing has given it another stage of life.
  private mutating func finish() throws {
    try card.remount()
    let status = try card.send(.getData(.applicationStatus))
    try promise(status.status == .ok, "a card says how it is")
    let field = try BERTLV.firstValue(of: 0x80, in: status.data.span.bytes)?.octets.first
    guard let field, let lifeCycle = LifeCycle(rawValue: field) else {
      throw FuzzFinding(description: "a card is in a state of its life")
    }
    guard lifeCycle != .terminated else { return }
    let isBlank = lifeCycle == .operatingReady || lifeCycle == .initialized
    // A blank card may have taken an individual key out of the input.
    try promise(!isBlank || stage == .blank, "an issued card is never blank again")
    guard isBlank == (stage == .blank) else { return }
    _ = try HostSession(card, version: FuzzCard.keyVersion(at: stage), level: .full)
  }
}
