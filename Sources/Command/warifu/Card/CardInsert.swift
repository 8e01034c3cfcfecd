import ArgumentParser
import CardEmulator
import Cryptography
import Foundation
import Glibc
import Sockets

/// `card insert`.
struct CardInsert: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "insert", abstract: "Insert emulated cards into PC/SC readers.",
    discussion: """
      Every PC/SC program then takes them for real cards. They stay in until this ends; a pcscd that is restarted finds \
      them again. Several files go into slots next to each other; vsmartcard-vpcd brings slots 0 and 1, 'warifu reader \
      install' adds more. With --socket or --listen the card waits for programs that play the reader themselves.

      Lines on standard input: eject, insert, each with the number of one card (1 is the first), and quit. SIGUSR1 \
      ejects all cards, SIGUSR2 inserts them again. SIGTERM ends like quit, with 0; Ctrl-C with 130.

      --fault takes what is to go wrong, joined by commas: cut-after=N and tear=N (the power fails after the N-th \
      storage operation), delay=TIME@WHEN, truncate=N@WHEN, wrong-mac@WHEN, hang@WHEN, pull@WHEN. WHEN is 3, the third \
      response, or */3, every third.

      Example:
        warifu card insert alice.card
        warifu card insert alice.card bob.card --slot 2 --json
        warifu card insert alice.card --listen 127.0.0.1:7816
        warifu card insert alice.card --fault 'delay=50ms@*/2,pull@7'
      """)

  @Argument(help: ArgumentHelp("The cards' files.", valueName: "file"))
  var files: [String]

  @Option(help: ArgumentHelp("The first card's slot of the virtual reader, from 0.", valueName: "number"))
  var slot: Int?

  @Option(help: ArgumentHelp("The first card's port of vpcd, instead of a slot.", valueName: "number"))
  var port: UInt16?

  @Option(help: ArgumentHelp("Where vpcd runs, if elsewhere.", valueName: "name"))
  var host: String?

  @Option(help: ArgumentHelp("Listen at a Unix socket of this path instead.", valueName: "path"))
  var socket: String?

  @Option(help: ArgumentHelp("Listen at a TCP port instead.", valueName: "host:port"))
  var listen: String?

  @Flag(help: "Allow other hosts. Nothing on the way is encrypted.")
  var allowOtherHosts = false

  @Option(help: ArgumentHelp("What is to go wrong with each card.", valueName: "plan"))
  var fault: String?

  @Option(
    help: ArgumentHelp(
      "SOURCE of the key that card files are encrypted under; without it the user's own.", valueName: "source"))
  var cardKey: SecretSource?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    let places = [slot != nil, port != nil, socket != nil, listen != nil].count { $0 }
    guard places <= 1 else { throw ValidationError("only one of --slot, --port, --socket and --listen can be meant") }
    guard host == nil || (socket == nil && listen == nil) else {
      throw ValidationError("--host says where vpcd runs, which --socket and --listen do without")
    }
    guard files.count == 1 || (socket == nil && listen == nil) else {
      throw ValidationError("one socket is for one card; give one file")
    }
    for index in files.indices { _ = try address(index) }
    _ = try faults()
  }

  func run() async throws {
    for file in files where access(file, F_OK) != 0 {
      throw Failure(
        .noDevice, "there is no card at \(file)", remedy: "check the path, or make one with 'warifu card new'")
    }
    let key = try EmulatorKey.read(cardKey)
    let desk = try InsertionDesk(output)
    for (index, file) in files.enumerated() {
      let card = try EmulatedCard(path: file, key: key, random: SystemRandom())
      try desk.add(
        card, file: file, at: try address(index), reach: allowOtherHosts ? .anyHost : .loopback, faults: try faults())
    }
    try desk.run()
  }

  private func faults() throws -> LineFaults {
    guard let fault else { return LineFaults() }
    do {
      return try LineFaults(parsing: fault)
    } catch {
      throw ValidationError("--fault has no plan of faults: \(error.description)")
    }
  }

  /// Where the card of this index goes.
  private func address(_ index: Int) throws -> PresenceAddress {
    if let socket { return .unixSocket(path: socket) }
    if let listen {
      guard case .tcp(let host, let port) = SocketAddress(listen) else {
        throw ValidationError("'\(listen)' is no host and port; give them like 127.0.0.1:7816")
      }
      return .tcp(host: host, port: port)
    }
    let first = port.map(Int.init) ?? Int(PresenceAddress.vpcdPort) + (slot ?? 0)
    guard (slot ?? 0) >= 0, (slot ?? 0) <= 65_535, let port = UInt16(exactly: first + index), port > 0 else {
      throw ValidationError("there is no slot or port of this number")
    }
    return .vpcd(host: host ?? "127.0.0.1", port: port)
  }
}
