import Foundation
import Testing
import WarifuTesting

/// The unit file that docs/running-a-center.md hands out, as systemd reads it.
@Suite struct SystemdUnitTests {
  private func unit() throws -> String {
    let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }
    return try String(contentsOf: root.appending(path: "docs/systemd/warifu-center.service"), encoding: .utf8)
  }

  /// The unit in a folder of its own, with the built program in the place of the installed one.
  private func install(_ text: String, in bench: CommandBench) throws -> String {
    try bench.write(
      text.replacing("/usr/local/bin/warifu", with: CommandBench.executable), to: "warifu-center.service")
    return bench.path("warifu-center.service")
  }

  @Test func systemdTakesEveryLineOfIt() throws {
    let bench = try CommandBench()
    let path = try install(try unit(), in: bench)
    let verified = try bench.launch("/usr/bin/env", ["systemd-analyze", "verify", path])
    #expect(verified.status == 0 && verified.complaint.isEmpty, "\(verified.complaint)")
    // A line that systemd does not know is noticed.
    let broken = try install(try unit().replacing("LimitCORE=0", with: "LimitKORE=0"), in: bench)
    let refused = try bench.launch("/usr/bin/env", ["systemd-analyze", "verify", broken])
    #expect(refused.complaint.contains("LimitKORE"), "\(refused.complaint)")
  }

  /// systemd's own measure, 0 (best) to 10: what a service that listens on the network cannot go below is about 1.
  @Test func itIsHardened() throws {
    let bench = try CommandBench()
    let path = try install(try unit(), in: bench)
    let rated = try bench.launch(
      "/usr/bin/env", ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", path])
    #expect(rated.status == 0, "\(rated.output.suffix(200)) \(rated.complaint)")
    for line in ["DynamicUser=yes", "LimitCORE=0", "ProtectSystem=strict", "Type=notify", "MemorySwapMax=0"] {
      #expect(try unit().contains("\n\(line)\n"), "\(line)")
    }
  }

  /// What the unit starts is a command line that the program takes: it gets as far as looking for the centre.
  @Test func itsCommandLineIsOne() throws {
    let bench = try CommandBench()
    let text = try unit().replacing("\\\n", with: "")
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("ExecStart=") })
    var words = line.split(separator: "=", maxSplits: 1)[1].split(separator: " ").map(String.init)
    #expect(words.removeFirst() == "/usr/local/bin/warifu")
    try FileManager.default.createDirectory(atPath: bench.path("c"), withIntermediateDirectories: false)
    let made = try bench.launch(
      "/usr/bin/env",
      [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "c/tls-key", "-out", "c/tls-certificate",
        "-subj", "/CN=localhost",
      ])
    try #require(made.status == 0)
    try bench.write(String(repeating: "x", count: 64), to: "c/monitor-token")
    words = words.map {
      $0.replacing("${STATE_DIRECTORY}", with: "s").replacing("${CREDENTIALS_DIRECTORY}", with: "c")
    }
    let outcome = try bench.run(words)
    #expect(outcome.status == 69 && outcome.complaint.contains("there is no centre at s/center"), "\(outcome.complaint)")
  }
}
