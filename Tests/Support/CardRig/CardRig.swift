import CardDriver
import CardEmulator
import Glibc
import Octets
import PCSCRig

/// A process that a test can kill: `card-rig charge FILE NUMBER COUNT` charges the card in a state file and prints its
/// receipt, `card-rig fixture FILE` and `card-rig fixture-2 FILE` make the state files that tests keep, `card-rig daemon
/// SLOTS` starts a private pcscd, prints where its socket is and, on a second line, the ports of its slots, and waits;
/// `card-rig share READER SECONDS SEED` uses the card in a reader among others; `card-rig hold READER
/// transaction|connection` verifies its PIN, says `held`, and waits.
@main
enum CardRig {
  static func main() {
    do {
      try run(CommandLine.arguments)
    } catch {
      print("\(error)", to: STDERR_FILENO)
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) throws {
    switch arguments.dropFirst().first {
    case "charge" where arguments.count == 5:
      guard let number = UInt32(arguments[3]), let count = Int(arguments[4]) else { exit(64) }
      try charge(arguments[2], number, count)
    case "fixture" where arguments.count == 3:
      try Specimen.make(at: arguments[2], profile: Specimen.smallest, seed: 20_261_120)
    case "fixture-2" where arguments.count == 3: try Specimen.makeSecond(at: arguments[2])
    case "daemon" where arguments.count == 3:
      guard let slots = Int(arguments[2]) else { exit(64) }
      let daemon = try PrivateDaemon.start(slots: slots)
      let ports = daemon.ports.map(String.init).joined(separator: " ")
      print("\(daemon.environment["PCSCLITE_CSOCK_NAME"] ?? "")\n\(ports)", to: STDOUT_FILENO)
      while true { pause() }
    case "share" where arguments.count == 7:
      let numbers = arguments[4...].compactMap { UInt64($0) }
      guard numbers.count == 3 else { exit(64) }
      let (seconds, part, seed) = (Int(numbers[0]), Int(numbers[1]), numbers[2])
      var sharing = try Sharing(reader: arguments[2], seed: seed)
      let tally = try sharing.work(for: .seconds(seconds), in: Company(folder: arguments[3], size: 4, part: part))
      print("\(tally.transactions) \(tally.resets) \(tally.intrusions) \(tally.losses)", to: STDOUT_FILENO)
    case "hold" where arguments.count == 4:
      try hold(reader: arguments[2], inTransaction: arguments[3] == "transaction")
    default: exit(64)
    }
  }

  private static func charge(_ path: String, _ number: UInt32, _ count: Int) throws {
    var session = try Specimen.administration(CardConnection(try Specimen.open(path)))
    let receipt = try session.storeData(try Specimen.charge(number, count: count))
    print(Hex.encode(receipt), to: STDOUT_FILENO)
  }

  /// One write, right away: a test looks at when it happens.
  private static func print(_ text: some CustomStringConvertible, to descriptor: Int32) {
    let line = Array((text.description + "\n").utf8)
    guard write(descriptor, line, line.count) == line.count else { exit(74) }
  }
}
