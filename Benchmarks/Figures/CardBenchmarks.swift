import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import Sockets

/// What a plain command costs in the card: parser, life cycle, store, answer.
enum CardBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "card: GET DATA") { plan in
      let card = try FirmwareCard.issued()
      return [
        try compare(plan, card, .applicationStatus, "GET DATA status : one 16-octet CMAC"),
        try compare(plan, card, .licenseCertificate, "GET DATA 512 octets : 16-octet CMAC"),
      ]
    },
    Benchmark(name: "card: allocations") { _ in
      [
        Figure(
          "allocations per GET DATA", .allocations, ours: try Allocations.perOperation(.plainCommand), goal: .zero),
        Figure(
          "allocations per SCP03 GET DATA", .allocations, ours: try Allocations.perOperation(.securedCommand),
          goal: .zero),
        Figure(
          "allocations per APDU at a socket", .allocations, ours: try Allocations.perOperation(.insertedCard),
          goal: .zero),
      ]
    },
  ]

  /// GET DATA needs no cryptography; the smallest useful OpenSSL call gives its cost a scale.
  private static func compare(
    _ plan: Plan, _ card: FirmwareCard, _ tag: DataTag, _ name: String
  ) throws -> Figure {
    var request = CommandAPDU.getData(tag)
    request.le = CommandAPDU.extendedLeLimit
    let command = try request.encoded()
    let mac = try BareCMAC(key: [UInt8](repeating: 1, count: 32))
    let message = [UInt8](repeating: 2, count: 16)
    let firmware = card.firmware
    let figure = try Comparison(plan: plan).figure(name, goal: .rate(1e6)) { count in
      timing(count) { firmware.process(command.span.bytes) }
    } reference: { count in
      message.withUnsafeBytes { message in timing(count) { mac.authenticate(message) } }
    }
    guard firmware.response.withBytes({ $0.octets.suffix(2) }) == [0x90, 0x00] else {
      throw MeasurementError("the card did not answer GET DATA")
    }
    return figure
  }
}

extension AllocationProbe {
  /// Makes everything ready.
  ///
  /// - Returns: what performs the operations.
  func prepare() throws -> () -> Void {
    switch self {
    case .plainCommand:
      let card = try FirmwareCard.issued()
      let command = try CommandAPDU.getData(.applicationStatus).encoded()
      let firmware = card.firmware
      return { for _ in 0..<AllocationProbe.operations { firmware.process(command.span.bytes) } }
    case .insertedCard: return try AllocationProbe.talkToInsertedCard()
    case .securedCommand:
      let card = try FirmwareCard.issued()
      let tape = try CommandTape(of: card) { session in
        for _ in 0...AllocationProbe.operations {
          _ = try session.exchange(.getData(.applicationStatus), operation: "measure")
        }
      }
      // The first exchange makes the engine's contexts; they are kept.
      return try tape.player(on: card, after: 1)
    }
  }

  /// A card that listens, on a thread of its own, and a reader that keeps nothing of what it gets: both ends count.
  private static func talkToInsertedCard() throws -> () -> Void {
    let card = try EmulatedCard.inMemory(random: SeededRandom(seed: 1)).card
    let insertion = try CardInsertion(card, into: .tcp(host: "127.0.0.1", port: 0))
    try insertion.start()
    guard let address = insertion.listeningAddress else { throw MeasurementError("the card does not listen") }
    let reader = FrameStream(try StreamSocket.connect(to: address))
    let powerOn = [ReaderFrame.Control.powerOn.rawValue]
    try reader.send(powerOn.span.bytes)
    let command = try CommandAPDU.getData(.applicationStatus).encoded()
    func exchange() -> Bool {
      guard (try? reader.send(command.span.bytes)) != nil, (try? reader.receive()) == true else { return false }
      return reader.withBody { $0.byteCount > 2 }
    }
    guard exchange() else { throw MeasurementError("the card did not answer GET DATA") }
    return {
      for _ in 0..<AllocationProbe.operations { precondition(exchange(), "the card did not answer GET DATA") }
      withExtendedLifetime(insertion) {}
    }
  }
}
