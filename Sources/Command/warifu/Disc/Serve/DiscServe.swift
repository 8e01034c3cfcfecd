import ArgumentParser
import DiscEmulator
import Foundation
import ISCSITarget
import SCSI

/// `disc serve`.
struct DiscServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve a disc to other programs, over NBD or iSCSI, until ended.",
    discussion: """
      With --iscsi an operating system attaches the drive with the disc inside, as SCSI has it. With --nbd the blocks \
      are the export '', and the medium id is the export 'id'; nbdkit does the talking. Only this machine reaches what \
      is served, unless --host says otherwise.

      Lines on standard input: status, help, quit; with --iscsi also eject and insert, as SIGUSR1 and SIGUSR2 do. \
      SIGTERM ends like quit, with 0; Ctrl-C with 130.

      --faults takes what is wrong with sectors, joined by commas: unreadable=BLOCKS, corrected=BLOCKS, \
      defective=BLOCKS, unwritable=BLOCKS, spares=N. BLOCKS is 1000 or 1000-1099, and may end in @3, @*/3 or @3+: the \
      third time, every third, from the third on.

      Example:
        warifu disc serve --nbd --socket disc.sock --disc disc.img
        warifu disc serve --iscsi --type 00h --disc disc.img
        warifu disc serve --iscsi --host 192.0.2.7 --chap-user alice \\
          --chap-secret file:secret --disc disc.img
      """)

  @Flag(help: "Serve over iSCSI.")
  var iscsi = false

  @Flag(help: "Serve over NBD, by nbdkit.")
  var nbd = false

  @Option(help: ArgumentHelp("Listen at a Unix socket of this path (NBD).", valueName: "path"))
  var socket: String?

  @Option(help: ArgumentHelp("Listen at this TCP port; without it the protocol's own.", valueName: "number"))
  var port: UInt16?

  @Option(help: ArgumentHelp("Listen at this address of the machine; without it at 127.0.0.1.", valueName: "address"))
  var host: String?

  @Flag(help: "Let nobody write.")
  var readOnly = false

  @OptionGroup(title: "Options of iSCSI") var target: TargetOptions
  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard nbd || iscsi else { throw ValidationError("it is not said how to serve; give --nbd or --iscsi") }
    guard !nbd || !iscsi else { throw ValidationError("a disc is served in one way; give --nbd or --iscsi") }
    guard socket == nil || nbd else { throw ValidationError("--socket is for NBD; give --port") }
    guard socket == nil || (port == nil && host == nil) else {
      throw ValidationError("--socket is a place of its own; leave out --port and --host")
    }
    guard port != 0 || iscsi else { throw ValidationError("port 0 is none; give one from 1 on") }
    guard iscsi || disc.drive == nil else { throw ValidationError("--drive is for --iscsi: NBD has no such commands") }
    guard iscsi || !target.isGiven else {
      throw ValidationError("the type, timing, faults, name and secrets of a drive are for --iscsi")
    }
  }

  func run() async throws {
    let desk = try ServingDesk(output)
    if nbd {
      try desk.run(NBDServer(of: try imagePath(), at: try nbdAddress(), readOnly: readOnly))
    } else {
      var plan = try target.plan(readOnly: readOnly)
      plan.identity = try disc.identity()
      let configuration = try target.configuration(host: host, port: port)
      try desk.run(ISCSIServer(of: try imagePath(), as: plan, configuration))
    }
  }

  private func imagePath() throws -> String {
    guard let path = disc.disc ?? ProcessInfo.processInfo.environment["WARIFU_DISC"] else {
      throw Failure(.usage, "no disc was named", remedy: "give its image with --disc, or set WARIFU_DISC")
    }
    guard !DeviceFile.isNamed(by: path) else {
      throw Failure(.usage, "\(path) is a device", remedy: "give an image: only emulated discs are served")
    }
    return path
  }

  private func nbdAddress() throws -> NBDAddress {
    if let socket { return .socket(path: socket) }
    return .tcp(host: host ?? "127.0.0.1", port: port ?? NBDAddress.port)
  }
}

/// What is said of a drive that is served over iSCSI.
struct TargetOptions: ParsableArguments {
  /// What the drive can show itself as: optical memory (07h), or a disk (00h) to systems that know only those.
  enum DriveType: String, CaseIterable, ExpressibleByArgument {
    case opticalMemory = "07h"
    case directAccess = "00h"
  }

  @Option(help: ArgumentHelp("Its peripheral device type: 07h, optical memory; or 00h, a disk.", valueName: "type"))
  var type: DriveType?

  @Flag(help: "Let everything take the time that it takes on a real drive.")
  var timing = false

  @Option(help: ArgumentHelp("What is wrong with the disc's sectors.", valueName: "plan"))
  var faults: String?

  @Option(help: ArgumentHelp("The target's name, which begins with iqn. or eui.", valueName: "name"))
  var targetName: String?

  @Option(help: ArgumentHelp("Whom to let in, who proves it by CHAP.", valueName: "name"))
  var chapUser: String?

  @Option(help: ArgumentHelp("SOURCE of the secret of --chap-user, 12 octets or more.", valueName: "source"))
  var chapSecret: SecretSource?

  @Option(help: ArgumentHelp("As whom the target proves itself to initiators that ask.", valueName: "name"))
  var mutualUser: String?

  @Option(help: ArgumentHelp("SOURCE of the secret of --mutual-user.", valueName: "source"))
  var mutualSecret: SecretSource?

  /// The name of a target that is given none.
  static let usualName = "iqn.2026-01.org.example.warifu:disc"

  /// Whether any of it is.
  var isGiven: Bool {
    type != nil || timing || faults != nil || targetName != nil || chapUser != nil || chapSecret != nil
      || mutualUser != nil || mutualSecret != nil
  }

  func validate() throws {
    guard chapSecret == nil || chapUser != nil else { throw ValidationError("--chap-secret needs --chap-user") }
    guard mutualSecret == nil || mutualUser != nil else { throw ValidationError("--mutual-secret needs --mutual-user") }
    guard mutualUser == nil || chapUser != nil else { throw ValidationError("--mutual-user needs --chap-user") }
  }

  /// How the drive and its disc shall be.
  func plan(readOnly: Bool) throws -> ISCSIServer.Plan {
    ISCSIServer.Plan(
      isReadOnly: readOnly, peripheralType: type == .directAccess ? .directAccess : .opticalMemory, takesTime: timing,
      faults: try faults.map { try MediumFaults(parsing: $0) })
  }

  /// Where the target listens, and whom it lets in. Asks for secrets whose source is not given.
  func configuration(host: String?, port: UInt16?) throws -> ISCSITarget.Configuration {
    var configuration = ISCSITarget.Configuration(name: targetName ?? TargetOptions.usualName)
    if let host { configuration.host = host }
    if let port { configuration.port = port }
    configuration.credentials = try credentials(chapUser, chapSecret, "CHAP secret", "--chap-secret")
    configuration.mutual = try credentials(mutualUser, mutualSecret, "mutual CHAP secret", "--mutual-secret")
    return configuration
  }

  private func credentials(
    _ user: String?, _ source: SecretSource?, _ what: String, _ option: String
  ) throws -> CHAPCredentials? {
    guard let user else { return nil }
    return try CHAPCredentials(name: user, secret: try SecretRequest(what: what, option: option).answer(source))
  }
}
