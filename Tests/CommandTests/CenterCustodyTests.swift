import Foundation
import Testing
import WarifuTesting

/// What keeps a centre safe, as whoever runs it does it.
@Suite struct CenterCustodyTests {
  private func bench() throws -> CommandBench {
    let bench = try CommandBench()
    try bench.write("correct horse battery staple", to: "passphrase")
    try bench.succeed("center", "init", "center", "--name", "Corner Shop")
    return bench
  }

  @Test func backupIsRestoredAfterLossAndRotation() throws {
    let bench = try bench()
    try bench.succeed("center", "title", "add", "--name", "OpenSSL", "--type", "program", "--price", "5.00 EUR")
    let rotated = try bench.succeed("center", "keys", "rotate", "licence-signing", "code-pepper")
    #expect(rotated.output.contains("licence-signing  2 1"))
    try bench.succeed("center", "keys", "rotate", "all")
    #expect(try bench.succeed("center", "keys", "list").output.contains("code-pepper         3 2 1"))
    #expect(try bench.run(["center", "keys", "rotate", "nonsense"]).status == 64)
    let titles = try bench.succeed("center", "title", "list").output
    try bench.succeed("center", "backup", "backup", "--check")
    #expect(try bench.run(["center", "backup", "backup"]).status != 0)
    #expect(try bench.run(["center", "restore", "backup", "center"]).status == 1)
    try bench.succeed("center", "restore", "backup", "center", "--replace")
    #expect(try bench.succeed("center", "title", "list").output == titles)
    try bench.succeed("center", "verify")
    let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
    #expect(names.contains { $0.hasPrefix("center.replaced-") })
  }

  @Test func headKeptElsewhereIsHeldAgainstTheLog() throws {
    let bench = try bench()
    try bench.succeed("center", "title", "add", "--name", "OpenSSL", "--type", "program", "--price", "5.00 EUR")
    try FileManager.default.copyItem(atPath: bench.path("center/audit.heads"), toPath: bench.path("kept"))
    try bench.succeed("center", "verify", "--heads", "kept")
    #expect(try bench.run(["center", "verify", "--heads", "passphrase"]).status == 65)
    #expect(try bench.run(["center", "verify", "--heads", "nowhere"]).status == 65)
    try bench.succeed("center", "init", "other", "--name", "Other")
    #expect(try bench.run(["center", "verify", "--heads", "other/audit.heads"]).status == 65)
  }

  @Test func doctorNamesWhatIsWrong() throws {
    let bench = try bench()
    let sound = try bench.succeed("center", "doctor").output
    #expect(sound.contains("warning: backup: There was never one."))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: bench.path("center/keys.sealed"))
    let sick = try bench.run(["center", "doctor"])
    #expect(sick.status == 1 && sick.output.contains("error: permissions:") && sick.output.contains("chmod go="))
  }

  @Test func passphraseIsChanged() throws {
    let bench = try bench()
    try bench.write("another passphrase", to: "new")
    try bench.succeed("center", "keys", "passphrase", "--new-passphrase", "file:new")
    #expect(try bench.run(["center", "verify"]).status == 77)
    try bench.succeed("center", "verify", "--passphrase", "file:new")
  }

  /// The process has begun to read its passphrase, which does not come, where it is ended. A process beside it that nobody
  /// protects, and that ends itself because a test's children inherit blocked signals, shows that cores are made here,
  /// where the system makes them in the folder.
  @Test func abortedCommandLeavesNoCore() throws {
    let bench = try bench()
    let script = """
      ulimit -c unlimited 2>/dev/null
      mkfifo secret && mkdir -p kept bare
      (cd kept && exec "$0" center verify --center ../center --passphrase file:../secret) & centre=$!
      (cd bare && exec python3 -c 'import os; os.abort()') & bare=$!
      exec 3>secret
      kill -ABRT $centre
      wait $centre; echo "centre $?"; wait $bare
      echo "kept $(ls kept | wc -l) bare $(ls bare | wc -l) limit $(ulimit -Hc)"
      cat /proc/sys/kernel/core_pattern
      """
    let outcome = try bench.launch("/bin/bash", ["-c", script, CommandBench.executable])
    #expect(outcome.output.contains("centre 134\nkept 0 "), "\(outcome.output) \(outcome.complaint)")
    let pattern = outcome.output.split(separator: "\n").last ?? ""
    if !pattern.hasPrefix("/"), !pattern.hasPrefix("|"), !outcome.output.contains("limit 0\n") {
      #expect(outcome.output.contains("bare 1 "), "\(outcome.output)")
    }
  }
}
