import CLinux
import Foundation

/// Counts heap allocations, the Swift runtime's and OpenSSL's included, by glibc's own trace (mtrace(3)): the program
/// starts itself anew with `libc_malloc_debug` in front of the allocator, and counts the lines of the trace.
enum Allocations {
  /// Allocations per operation of the probe of this name.
  static func perOperation(_ probe: AllocationProbe) throws -> Double {
    let folder = FileManager.default.temporaryDirectory
    let trace = folder.appendingPathComponent("warifu-bench-\(UUID().uuidString).trace")
    defer { try? FileManager.default.removeItem(at: trace) }
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    child.arguments = [Allocations.argument, probe.rawValue]
    child.environment = ProcessInfo.processInfo.environment.merging([
      "LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_TRACE": trace.path,
    ]) { $1 }
    try child.run()
    child.waitUntilExit()
    let lines = try String(contentsOf: trace, encoding: .utf8).split(separator: "\n")
    let sizes = lines.filter { $0.contains(" + 0x") }.compactMap { $0.split(separator: " ").last }
    guard child.terminationStatus == 0, sizes.contains("0x" + String(witnessOctets, radix: 16)) else {
      throw MeasurementError("this system's glibc cannot trace allocations")
    }
    return Double(sizes.count - 1) / Double(AllocationProbe.operations)
  }

  // MARK: In the traced process

  /// The argument that makes this program run a probe.
  static let argument = "--trace-allocations"

  /// An allocation made on purpose: a trace without it proves nothing.
  private static let witnessOctets = 12_345

  /// Runs a probe's operations under the trace.
  static func trace(_ probe: AllocationProbe) throws {
    let operations = try probe.prepare()
    mtrace()
    let witness = malloc(witnessOctets)
    // A call that the optimiser cannot see through, or it would make away with the witness.
    warifu_wipe(witness, witnessOctets)
    operations()
    free(witness)
    muntrace()
  }
}

/// What is watched for allocations.
enum AllocationProbe: String, CaseIterable {
  case plainCommand = "plain-command"
  case securedCommand = "secured-command"
  case registry
  case channels
  case enciphering
  case toldCode = "told-code"
  case conversionKeys = "conversion-keys"
  case insertedCard = "inserted-card"

  /// Operations under the trace.
  static let operations = 10_000
}
