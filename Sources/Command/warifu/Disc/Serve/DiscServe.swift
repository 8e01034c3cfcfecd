import ArgumentParser
import DiscEmulator
import Foundation

/// `disc serve`.
struct DiscServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve a disc to other programs, over NBD or iSCSI, until ended.",
    discussion: """
      With --nbd the blocks are the export '', and the medium id is the export 'id'; nbdkit does the talking. Only this \
      machine reaches what is served, unless --host says otherwise.

      Lines on standard input: status, help, quit. SIGTERM ends like quit, with 0; Ctrl-C with 130.

      Example:
        warifu disc serve --nbd --socket disc.sock --disc disc.img
        warifu disc serve --nbd --port 10809 --disc disc.img --json
      """)

  @Flag(help: "Serve over NBD, by nbdkit.")
  var nbd = false

  @Option(help: ArgumentHelp("Listen at a Unix socket of this path.", valueName: "path"))
  var socket: String?

  @Option(help: ArgumentHelp("Listen at this TCP port; without it the protocol's own.", valueName: "number"))
  var port: UInt16?

  @Option(help: ArgumentHelp("Listen at this address of the machine; without it at 127.0.0.1.", valueName: "address"))
  var host: String?

  @Flag(help: "Let nobody write.")
  var readOnly = false

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard nbd else { throw ValidationError("it is not said how to serve; give --nbd") }
    guard socket == nil || (port == nil && host == nil) else {
      throw ValidationError("--socket is a place of its own; leave out --port and --host")
    }
    guard port != 0 else { throw ValidationError("port 0 is none; give one from 1 on") }
  }

  func run() async throws {
    try ServingDesk(output).run(NBDServer(of: try imagePath(), at: try nbdAddress(), readOnly: readOnly))
  }

  private func imagePath() throws -> String {
    guard let path = disc.disc ?? ProcessInfo.processInfo.environment["WARIFU_DISC"] else {
      throw Failure(.usage, "no disc was named", remedy: "give its image with --disc, or set WARIFU_DISC")
    }
    return path
  }

  private func nbdAddress() throws -> NBDAddress {
    if let socket { return .socket(path: socket) }
    return .tcp(host: host ?? "127.0.0.1", port: port ?? NBDAddress.port)
  }
}
