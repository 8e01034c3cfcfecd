import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Identifiers

/// Many issued cards in one process that has nothing else.
enum CardCrowd {
  /// How many.
  private static let count = 1_000

  /// What they take, in mebibytes of physical memory, this program included.
  static func residentMebibytes() throws -> Double {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    child.arguments = [argument]
    let output = Pipe()
    child.standardOutput = output
    try child.run()
    let answer = try output.fileHandleForReading.readToEnd() ?? Data()
    child.waitUntilExit()
    guard child.terminationStatus == 0, let octets = Double(String(decoding: answer, as: UTF8.self)) else {
      throw MeasurementError("the process with \(count) cards failed")
    }
    return octets / 1_048_576
  }

  // MARK: In the process with the cards

  /// The argument that makes this program hold the cards.
  static let argument = "--hold-cards"

  /// Makes, issues and uses the cards, and prints how many octets of memory are resident.
  static func hold() throws {
    let random = SeededRandom(seed: 1)
    let cards = try (0..<count).map { _ in try issuedCard(random) }
    let command = try CommandAPDU.getData(.applicationStatus).encoded()
    for card in cards {
      guard try card.transmit(command).suffix(2) == [0x90, 0x00] else { throw MeasurementError("a card failed") }
    }
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { throw MeasurementError("no /proc/self/statm") }
    print(pages * Int(sysconf(Int32(_SC_PAGESIZE))), terminator: "")
    withExtendedLifetime(cards) {}
  }

  /// A card with its individual key, a generation key, PIN and PUK, and a certificate of 512 octets.
  private static func issuedCard(_ random: SeededRandom) throws -> EmulatedCard {
    let made = try EmulatedCard.inMemory(random: random)
    let connection = try CardConnection(made.card)
    try FirmwareCard.issue(
      connection, transportKeys: made.production.transportKeys, serial: made.production.serial.octets,
      individualKey: Secret(random: 32, from: random), random)
    try connection.reset()
    return made.card
  }
}
