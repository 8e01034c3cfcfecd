import CopyLicensing
import Cryptography
import DriveFirmware
import Foundation
import Formats
import Glibc
import Identifiers
import WarifuTesting

/// One title on a master disc, and a file of the same octets beside it.
struct CopyScene {
  private let bench: Workbench
  private let card: Workbench.IssuedCard
  private let master: (path: String, titles: [SoftwareID])
  private let file: String
  private let octets: Int
  private let profile: CopyProfile

  init(_ plan: Plan, _ profile: CopyProfile) async throws {
    self.profile = profile
    bench = try await Workbench.setUp()
    card = try await bench.issueCard()
    octets = plan.titleOctets
    file = bench.folder("title.bin")
    guard FileManager.default.createFile(atPath: file, contents: nil) else {
      throw MeasurementError("no file can be made in \(bench.folder.path)")
    }
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    for _ in 0..<(octets >> 20) { try handle.write(contentsOf: Data(bench.random.octets(1 << 20))) }
    try handle.synchronize()
    try handle.close()
    master = try await bench.pressMaster("master.iso", [(file, .program)], profile: profile)
  }

  /// Each of the three once, ours first and `cp` first by turns.
  func round(_ number: Int) async throws -> (title: Duration, file: Duration, digest: Duration) {
    let first = number % 2 == 0 ? nil : try copyFile()
    let title = try await copyTitle(number)
    let file = try first ?? copyFile()
    return (title, file, try digestFile())
  }

  /// Licenses the title for a new disc and copies it there.
  func copyTitle(_ round: Int) async throws -> Duration {
    let disc = try bench.makeDisc("disc-\(round).mo", geometry: .gb1_3)
    defer { try? FileManager.default.removeItem(atPath: disc.path) }
    let session = try bench.session(card, disc)
    switch profile {
    case .certificate: try await bench.license(master.titles[0], in: session)
    case .conversion: try await bench.conversionLicense(master.titles[0], in: session)
    }
    let source = try LicensedMaster(opening: master.path, anchor: session.anchor)
    try run("sync", disc.path, master.path)
    try warmMemory()
    return try ContinuousClock().measure { try session.copy(master.titles[0], from: source) }
  }

  /// `cp` and `sync` of the file alone.
  func copyFile() throws -> Duration {
    let copy = file + ".copy"
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try warmMemory()
    return try ContinuousClock().measure {
      try run("cp", file, copy)
      try run("sync", copy)
    }
  }

  func digestFile() throws -> Duration {
    try ContinuousClock().measure { try run("openssl", "dgst", "-sha256", file) }
  }

  /// Makes sure that the free memory, which becomes the page cache of what is written, is there: a virtual machine's host
  /// takes it back after a pause, and whoever writes next pays for it, many times what copying into it costs.
  private func warmMemory() throws {
    let count = 3 * octets
    let memory = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_POPULATE), -1, 0)
    guard let memory, memory != MAP_FAILED else { throw MeasurementError("there are no \(count >> 20) MiB of memory") }
    munmap(memory, count)
  }

  func rate(_ time: Duration) -> Double { Double(octets) / 1_048_576 / (time / .seconds(1)) }

  private func run(_ command: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw MeasurementError("'\(command[0])' failed") }
  }
}
