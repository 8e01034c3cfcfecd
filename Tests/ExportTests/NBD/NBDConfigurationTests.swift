import DriveFirmware
import DriveRig
import Foundation
import Glibc
import Testing

@Suite struct NBDConfigurationTests {
  /// What is wrong is said before nbdkit goes to the background, with what to do.
  @Test(arguments: [
    ([], "add disc=IMAGE"),
    (["disc=none.img"], "none.img: there is no such file"),
    (["disc=/etc/hostname"], "not a disc image"),
    (["disc=disc.img", "disc=disc.img"], "twice"),
    (["disc=disc.img", "colour=red"], "no parameter 'colour'"),
    (["disc=disc.img", "read-only=perhaps"], "boolean"),
  ])
  func wrongParametersAreRefused(parameters: [String], reason: String) throws {
    let bench = try ExportBench()
    let outcome = try ForeignProgram.run(
      ["nbdkit", "--unix", bench.folder("socket"), NBDServer.plugin] + parameters, in: bench.folder)
    #expect(outcome.status == 1)
    #expect(outcome.complaint.contains(reason), "\(outcome.complaint)")
  }

  @Test func helpNamesTheParameters() throws {
    let bench = try ExportBench()
    let help = try bench.succeed("nbdkit", NBDServer.plugin, "--help").output
    #expect(help.contains("disc=<IMAGE>") && help.contains("read-only="))
  }

  /// The image can be named without `disc=`.
  @Test func theImageIsTheParameterWithoutAName() throws {
    let bench = try ExportBench()
    let server = try NBDServer(["disc.img"], in: bench.folder)
    #expect(try bench.succeed("nbdinfo", "--size", server.uri()).output == "\(bench.geometry.userOctets)\n")
  }

  @Test func twoServersOnOneImageAreRefused() throws {
    let bench = try ExportBench()
    let server = try bench.serve()
    let second = try bench.run("nbdkit", "-f", "--unix", bench.folder("other"), NBDServer.plugin, "disc=disc.img")
    #expect(second.status == 1 && second.complaint.contains("in use elsewhere"))
    try server.stop()
    try bench.serve().stop()
  }

  @Test func readersShareAnImage() throws {
    let bench = try ExportBench()
    let servers = [try bench.serve("read-only=true"), try bench.serve("read-only=true")]
    for server in servers { try bench.succeed("nbdinfo", server.uri()) }
    let writer = try bench.run("nbdkit", "-f", "--unix", bench.folder("other"), NBDServer.plugin, "disc=disc.img")
    #expect(writer.complaint.contains("in use elsewhere"))
  }

  /// nbdkit forks on its way to the background; the lock goes with it.
  @Test func theImageStaysLockedInTheBackground() throws {
    let bench = try ExportBench()
    let socket = bench.folder("socket")
    try bench.succeed(
      "nbdkit", "--unix", socket, "--pidfile", bench.folder("pid"), NBDServer.plugin, "disc=disc.img")
    // Its parent ends before it has written the file.
    var number: pid_t?
    for _ in 0..<10_000 where number == nil {
      usleep(2_000)
      let text = try? String(contentsOfFile: bench.folder("pid"), encoding: .utf8)
      number = text.flatMap { $0.hasSuffix("\n") ? pid_t($0.dropLast()) : nil }
    }
    let background = try #require(number)
    defer { kill(background, SIGKILL) }
    let second = try bench.run("nbdkit", "-f", "--unix", bench.folder("other"), NBDServer.plugin, "disc=disc.img")
    #expect(second.status == 1 && second.complaint.contains("in use elsewhere"))
    try bench.succeed("nbdinfo", "nbd+unix:///?socket=\(socket)")
  }
}
