import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import PCSCRig
import Synchronization

/// Readers of a pcscd of one's own, and clients that send the same command over and over.
struct CardReaders {
  /// What is asked all the time.
  private static let command = CommandAPDU.getData(.applicationStatus)

  private let daemon: PrivateDaemon

  init(slots: Int) throws {
    daemon = try PrivateDaemon.start(slots: slots)
    daemon.adopt()
  }

  func stop() { daemon.stop() }

  /// Inserts cards of ours.
  func insertOurs(into slots: Range<Int>) throws -> [CardInsertion] {
    try slots.map { slot in
      let card = try EmulatedCard.inMemory(random: SystemRandom()).card
      let insertion = try CardInsertion(card, into: .vpcd(host: "127.0.0.1", port: daemon.ports[slot]))
      try insertion.start()
      return insertion
    }
  }

  /// Inserts cards that answer the same at once.
  func insertReferences(into slots: Range<Int>) throws -> [ReferenceCard] {
    let card = try EmulatedCard.inMemory(random: SystemRandom()).card
    let answerToReset = try card.reset()
    let response = try card.transmit(try CardReaders.command.encoded())
    return try slots.map { slot in
      try ReferenceCard(port: daemon.ports[slot], answerToReset: answerToReset, response: response)
    }
  }

  /// The way to the card in a slot, as soon as pcscd has seen it.
  func connect(to slot: Int) throws -> ReaderTransport {
    let context = try ReaderContext()
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      do {
        return try context.connect(to: daemon.readers[slot])
      } catch {
        guard .now < deadline else { throw error }
        usleep(20_000)
      }
    }
  }

  /// Returns when pcscd has seen that no card is in these slots.
  func waitUntilEmpty(_ slots: Range<Int>) throws {
    let context = try ReaderContext()
    let names = Set(slots.map { daemon.readers[$0] })
    let deadline = ContinuousClock.now + .seconds(10)
    while try context.readers().contains(where: { names.contains($0.name) && $0.answerToReset != nil }) {
      guard .now < deadline else { throw MeasurementError("pcscd does not notice that cards are gone") }
      usleep(20_000)
    }
  }

  /// Sends `count` commands one after the other.
  ///
  /// - Returns: how long each took, in microseconds.
  static func time(_ count: Int, over transport: ReaderTransport) throws -> [Double] {
    let octets = try command.encoded()
    var times: [Double] = []
    times.reserveCapacity(count)
    var last: [UInt8] = []
    for _ in 0..<count {
      let duration = try ContinuousClock().measure { last = try transport.transmit(octets) }
      times.append(duration / .microseconds(1))
    }
    try check(last)
    return times
  }

  /// Sends commands to all these cards at once, each from a thread of its own.
  ///
  /// - Returns: commands per second, all cards together.
  static func throughput(of transports: [ReaderTransport], during duration: Duration) throws -> Double {
    let octets = try command.encoded()
    let total = Mutex((count: 0, failures: 0))
    let start = ContinuousClock.now
    let clients = transports.map { transport in
      // Each thread has a transport of its own.
      nonisolated(unsafe) let transport = transport
      return Client {
        var count = 0
        var isSound = true
        while isSound, .now < start + duration {
          isSound = (try? check(try transport.transmit(octets))) != nil
          count += 1
        }
        total.withLock { total in
          total.count += count
          if !isSound { total.failures += 1 }
        }
      }
    }
    for client in clients { client.join() }
    let time = (ContinuousClock.now - start) / .seconds(1)
    let (count, failures) = total.withLock { $0 }
    guard failures == 0 else { throw MeasurementError("\(failures) of \(transports.count) cards failed") }
    return Double(count) / time
  }

  private static func check(_ response: [UInt8]) throws {
    guard response.suffix(2) == [0x90, 0x00] else { throw MeasurementError("a card did not answer GET DATA") }
  }
}

/// A thread that can be waited for.
private final class Client: Sendable {
  private let end = DispatchSemaphore(value: 0)

  init(_ body: @escaping @Sendable () -> Void) {
    Thread { [end] in
      body()
      end.signal()
    }.start()
  }

  func join() { end.wait() }
}
