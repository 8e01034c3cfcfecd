import DiscDriver
import DriveConformance
import Glibc
import Octets
import SCSI

/// What tests run in a process of its own, so that a shim can stand between it and the kernel:
///
/// - `drive-probe conform DEVICE [MEDIUM-ID [FIRST COUNT]]` runs every check of a drive on the medium inside, and prints a
///   line for each; the id, in hexadecimal, and the protected blocks are checked if they are named.
/// - `drive-probe command DEVICE CDB [COUNT]` sends one command, in hexadecimal, fetching up to COUNT octets, and prints
///   status, sense and data.
///
/// Exits with 0, with 1 if a check failed, or with 74 if the drive cannot be used; then it says why.
@main
enum Probe {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      switch (arguments.first, arguments.count) {
      case ("conform", 2...3), ("conform", 5): exit(try conform(arguments[1], Array(arguments.dropFirst(2))))
      case ("command", 3...4): try command(arguments[1], arguments[2], count: arguments.dropFirst(3).first)
      default: exit(64)
      }
    } catch let error as DriveTransportError {
      print("\(error.code): \(error.operation): \(error.remedy)")
      exit(74)
    } catch {
      print("\(error)")
      exit(74)
    }
  }

  private static func conform(_ path: String, _ known: [String]) throws -> Int32 {
    var protected: BlockRange?
    if known.count == 3, let first = UInt64(known[1]), let count = UInt32(known[2]) {
      protected = BlockRange(first: first, count: count)
    }
    let maximumTransfer = try SGIOTransport(opening: path).maximumTransfer
    let drive = DriveUnderTest(
      hasManyInitiators: true, maximumTransfer: maximumTransfer, mediumID: known.first.flatMap { Hex.decode($0) },
      protected: protected
    ) { try SGIOTransport(opening: path) }
    var status: Int32 = 0
    for check in DriveConformance.checks {
      do {
        try check.run(on: drive)
        print("ok \(check.name)")
      } catch {
        print("not ok \(error)")
        status = 1
      }
    }
    return status
  }

  private static func command(_ path: String, _ hex: String, count: String?) throws {
    guard let octets = Hex.decode(hex), let cdb = CDB(octets: octets), let count = Int(count ?? "0") else { exit(64) }
    let (outcome, data) = try SGIOTransport(opening: path).fetch(cdb, upTo: count)
    let sense = outcome.sense
    print(Hex.encode([outcome.status.rawValue]), Hex.encode(sense.span.bytes.octets), Hex.encode(data))
  }
}
