import DriveRig
import Foundation
import Glibc
import Testing

@Suite struct ServeTests {
  private func refusal(_ bench: ExportBench, _ options: String..., environment: [String: String] = [:]) throws
    -> ProgramOutcome
  {
    try ForeignProgram.run(
      [ServeCommand.executable, "disc", "serve", "--disc", "disc.img"] + options, in: bench.folder,
      environment: environment)
  }

  /// Ended in whatever way, it leaves no socket, no process and no lock.
  @Test(arguments: [(SIGTERM, 0), (SIGINT, 130), (SIGHUP, 0)] as [(Int32, Int32)])
  func nbdIsServedUntilASignalComes(signal: Int32, status: Int32) throws {
    let bench = try ExportBench()
    let socket = bench.folder("disc.sock")
    let serving = try ServeCommand(bench, "--nbd", "--socket", socket)
    #expect(serving.uri == "nbd+unix:///?socket=\(socket)")
    #expect(try bench.succeed("nbdinfo", "--size", serving.uri).output == "127398912\n")
    #expect(try refusal(bench, "--nbd", "--socket", bench.folder("other")).status == 75)
    serving.program.send(signal)
    #expect(try serving.program.wait().status == status)
    #expect(access(socket, F_OK) != 0)
    try bench.serve().stop()
  }

  /// A client that stays connected does not keep the command from ending.
  @Test func aClientThatStaysIsLeft() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--nbd", "--socket", "disc.sock")
    let client = try NBDClient(bench.folder("disc.sock"))
    #expect(try client.ask(.init(NBDClient.Request.write, data: [1, 2, 3])).error == 0)
    try serving.type("quit")
    #expect(try serving.program.wait().status == 0)
    #expect(try Array(bench.blocks().prefix(4)) == [1, 2, 3, 0])
  }

  @Test func nbdkitEndsWithTheCommand() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--nbd", "--socket", "disc.sock")
    serving.program.send(SIGKILL)
    try serving.program.wait()
    // The lock goes when nbdkit does.
    let deadline = ContinuousClock.now + .seconds(120)
    var again: NBDServer?
    while again == nil, .now < deadline { again = try? bench.serve() }
    #expect(again != nil)
  }

  @Test func theCommandEndsWithNbdkit() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--nbd", "--socket", "disc.sock")
    let children = try bench.succeed("pgrep", "--parent", "\(serving.program.number)").output
    let nbdkit = try #require(pid_t(children.dropLast()))
    #expect(kill(nbdkit, SIGKILL) == 0)
    let outcome = try serving.program.wait()
    #expect(outcome.status == 1 && outcome.complaint.contains("nbdkit ended by signal 9"))
    #expect(access(bench.folder("disc.sock"), F_OK) != 0)
  }

  @Test func whatCannotBeServedIsRefused() throws {
    let bench = try ExportBench()
    try bench.folder.write(Data(), to: "taken")
    for (options, status, words) in [
      (["--nbd", "--socket", "taken"], 1, "already"),
      (["--nbd", "--socket", String(repeating: "s", count: 108)], 64, "107 octets"),
      ([], 64, "--nbd or --iscsi"), (["--nbd", "--iscsi"], 64, "in one way"),
      (["--iscsi", "--socket", "x"], 64, "--socket is for NBD"), (["--nbd", "--chap-user", "a"], 64, "--iscsi"),
      (["--nbd", "--port", "0"], 64, "port 0"), (["--nbd", "--socket", "x", "--port", "1"], 64, "--port"),
      (["--iscsi", "--target-name", "Disc"], 64, "no iSCSI name"),
      (["--iscsi", "--chap-secret", "env:X"], 64, "--chap-user"),
      (["--iscsi", "--faults", "colour=red"], 64, "no fault"),
      (["--iscsi", "--faults", "unreadable=0-248826"], 64, "from 0 to 248825"),
      (["--iscsi", "--faults", "spares=1025"], 64, "at most 1024"),
      (["--iscsi", "--type", "05h"], 64, "07h"),
      (["--nbd", "--disc", "none.img"], 66, "no such file"), (["--iscsi", "--disc", "/dev/null"], 64, "is a device"),
      (["--iscsi", "--host", "192.0.2.1"], 1, "cannot listen"),
    ] as [([String], Int32, String)] {
      let outcome = try ForeignProgram.run(
        [ServeCommand.executable, "disc", "serve"] + options
          + (options.contains("--disc") ? [] : ["--disc", "disc.img"]),
        in: bench.folder)
      #expect(outcome.status == status && outcome.complaint.contains(words), "\(options): \(outcome.complaint)")
      #expect(outcome.octets.isEmpty)
    }
    #expect(FileManager.default.fileExists(atPath: bench.folder("taken")))
  }

  /// Nobody can call all addresses at once, so the examples name one.
  @Test(arguments: [("0.0.0.0", "127.0.0.1"), ("0", "127.0.0.1"), ("::", "[::1]"), ("::0", "[::1]")])
  func whoeverListensEverywhereIsCalledHere(host: String, place: String) throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--iscsi", "--host", host, "--port", "0")
    #expect(serving.uri.hasPrefix("iscsi://\(place):"), "\(serving.uri)")
    #expect(try bench.succeed("iscsi-inq", serving.uri).output.contains("OPTICAL"))
    try serving.type("quit")
    #expect(try serving.program.wait().status == 0)
  }

  /// A PIN, a key or a title would lie in a core file, and in the octets that registers point to.
  @Test(arguments: [SIGABRT, SIGSEGV, SIGILL, SIGTRAP]) func aCrashTellsNothing(signal: Int32) throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--nbd", "--socket", "disc.sock")
    let children = try bench.succeed("pgrep", "--parent", "\(serving.program.number)").output
    for process in ["\(serving.program.number)", String(children.dropLast())] {
      let limits = try String(contentsOfFile: "/proc/\(process)/limits", encoding: .utf8)
      let cores = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
      #expect(cores.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"], "\(cores)")
    }
    serving.program.send(signal)
    let outcome = try serving.program.wait()
    #expect(outcome.status != 0 && !outcome.complaint.contains("Registers"), "\(outcome.complaint)")
    let left = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
    #expect(!left.contains { $0.hasPrefix("core") }, "\(left)")
  }

  @Test func whatIsMissingIsNamed() throws {
    let bench = try ExportBench()
    let noKit = try ForeignProgram.run(
      ["env", "PATH=\(bench.folder.path)", ServeCommand.executable, "disc", "serve", "--nbd", "--disc", "disc.img"],
      in: bench.folder)
    #expect(noKit.status == 69 && noKit.complaint.contains("apt-get install nbdkit"))
    let noPlugin = try refusal(bench, "--nbd", environment: ["WARIFU_NBD_PLUGIN": "none.so"])
    #expect(noPlugin.status == 69 && noPlugin.complaint.contains("WARIFU_NBD_PLUGIN"))
  }

  @Test func readOnlyIsReadOnly() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--nbd", "--socket", "disc.sock", "--read-only")
    #expect(try bench.run("qemu-io", "-f", "raw", "-c", "write 0 512", serving.uri).status != 0)
    let target = try ServeCommand(bench, "--iscsi", "--port", "0", "--type", "00h", "--read-only")
    #expect(try bench.run("qemu-io", "-f", "raw", "-c", "write 0 512", target.uri).status != 0)
    try bench.succeed("qemu-io", "-r", "-f", "raw", "-c", "read 0 512", target.uri)
  }

  // MARK: iSCSI

  @Test func theDriveIsOpticalMemoryUnlessTold() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--iscsi", "--port", "0")
    #expect(try bench.succeed("iscsi-inq", serving.uri).output.contains("OPTICAL_MEMORY"))
    try serving.wait(for: "logout")
    #expect(serving.reports.contains { $0.event == "login" && $0.detail?.contains("iscsi-inq at 127.0.0.1") == true })
    #expect(serving.reports.first?.isOpenToNetwork == false)
    serving.program.send(SIGTERM)
    #expect(try serving.program.wait().status == 0)
  }

  @Test func theDiscIsEjectedAndInserted() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--iscsi", "--port", "0", "--type", "00h")
    let read = ["qemu-io", "-r", "-f", "raw", "-c", "read 0 512", serving.uri]
    try serving.type("eject")
    try serving.wait(for: "ejected")
    #expect(try ForeignProgram.run(read, in: bench.folder).status != 0)
    // Its image is free meanwhile.
    try bench.serve().stop()
    try serving.type("insert")
    try serving.wait(for: "inserted")
    try ForeignProgram.succeed(read, in: bench.folder)
    serving.program.send(SIGUSR1)
    try serving.wait(for: "ejected", count: 2)
    try serving.type("status")
    try serving.wait(for: "status")
    #expect(serving.reports.last?.detail == "The drive is empty.")
    try serving.type("eject")
    serving.program.send(SIGUSR2)
    try serving.wait(for: "inserted", count: 2)
    try serving.type("quit")
    let outcome = try serving.program.wait()
    #expect(outcome.status == 0)
  }

  /// The secret is read from its source and shown nowhere.
  @Test func onlyWhoKnowsTheSecretIsLetIn() throws {
    let bench = try ExportBench()
    let secret = "sixteen octets!!"
    try bench.folder.write(Data("\(secret)\n".utf8), to: "secret")
    let serving = try ServeCommand(
      bench, "--iscsi", "--port", "0", "--type", "00h", "--chap-user", "alice", "--chap-secret", "file:secret")
    let address = serving.uri.replacing("alice@", with: "")
    #expect(try bench.run("iscsi-inq", address).status != 0)
    #expect(try bench.run("iscsi-inq", serving.uri.replacing("alice@", with: "alice%sixteen octets!.@")).status != 0)
    try bench.succeed("iscsi-inq", serving.uri.replacing("alice@", with: "alice%\(secret)@"))
    try serving.wait(for: "login-refused", count: 2)
    let line = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(serving.program.number)/cmdline"))
    serving.program.send(SIGTERM)
    let outcome = try serving.program.wait()
    for text in [outcome.output, outcome.complaint, String(decoding: line, as: UTF8.self)] {
      #expect(!text.contains(secret))
    }
  }

  @Test func faultsComeAsPlanned() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(
      bench, "--iscsi", "--port", "0", "--type", "00h", "--faults", "unreadable=8-15")
    try bench.succeed("qemu-io", "-r", "-f", "raw", "-c", "read 0 4k", serving.uri)
    #expect(try bench.run("qemu-io", "-r", "-f", "raw", "-c", "read 4k 4k", serving.uri).status != 0)
  }

  /// Somebody who opens a disc to a network hears what that means.
  @Test func anOpenDoorIsAnnounced() throws {
    let bench = try ExportBench()
    let serving = try ServeCommand(bench, "--iscsi", "--port", "0", "--host", "0.0.0.0")
    let report = try #require(serving.reports.first)
    #expect(report.isOpenToNetwork == true && report.detail?.contains("--chap-user") == true)
  }
}
