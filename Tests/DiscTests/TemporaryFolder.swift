import Foundation

/// A folder of one test's own, removed when the test lets go of it.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "warifu-disc-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}

/// Runs a foreign program and gives what it printed; a failure of the program fails the test.
func run(_ program: String, _ arguments: [String]) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let environment = ProcessInfo.processInfo.environment
  // Debian keeps what makes file systems where only root looks.
  let path = (environment["PATH"] ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin"
  process.environment = environment.merging(["LC_ALL": "C.UTF-8", "PATH": path, "MTOOLS_SKIP_CHECK": "1"]) { $1 }
  let output = Pipe()
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  try process.run()
  let data = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw ForeignProgramFailed(program: program, status: process.terminationStatus)
  }
  return String(decoding: data, as: UTF8.self)
}

struct ForeignProgramFailed: Error {
  var program: String
  var status: Int32
}

/// Whether the full counts were asked for (`WARIFU_SOAK=1`).
let isSoak = ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1"

/// SplitMix64: repeatable random numbers for tests.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func octets(_ count: Int) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(count + 8)
    while octets.count < count {
      var word = next()
      for _ in 0..<8 {
        octets.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    octets.removeLast(octets.count - count)
    return octets
  }
}

/// Pages of this process in memory, in octets (proc(5), statm).
func residentOctets() throws -> Int {
  let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
  return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * 4096
}
