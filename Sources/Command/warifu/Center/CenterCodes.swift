import ArgumentParser
import Cryptography
import Formats
import Glibc
import Identifiers
import LicenseCenter
import Octets

/// Which retrieval code. Whoever has a code has the right, so that it is no argument.
struct CodeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("SOURCE of the retrieval code.", valueName: "source"))
  var code: SecretSource?

  /// The code; asked for on a terminal if nobody said where it is.
  func read() throws -> RetrievalCode {
    try CodeOptions.code(try SecretRequest(what: "code", option: "--code").answer(code))
  }

  /// The code that `secret` spells.
  static func code(_ secret: borrowing Secret) throws -> RetrievalCode {
    try RetrievalCode(typed: secret.withBytes { String(decoding: $0.octets, as: UTF8.self) })
  }
}

/// `center provide`.
struct CenterProvide: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "provide", abstract: "Redeem a code for somebody at the counter: its title as a file to take away.",
    discussion: """
      The file is sealed and signed: whoever has the code opens it without a network, nobody else can. With the file \
      the code is used.

      If it breaks off, the failure names the operation: repeat the command with --operation. Where that is lost, \
      'warifu center recover' frees the code.

      Example:
        warifu center provide openssl.offline --code file:code \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The file to make.")
  var file: String

  @OptionGroup var code: CodeOptions
  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try NewPath.checkFolder(of: file)
    guard operation.operation != nil || access(file, F_OK) != 0 else {
      throw Failure(.failed, "there is a file \(file) already", remedy: "choose another name")
    }
    let code = try code.read()
    let id = try operation.id()
    let provision = try await center.use { center in
      do {
        return try await center.offlineCounter.provide(code, operation: id, to: file)
      } catch let error as CenterError where error.code == .storage || error.code == .unknownOutcome {
        var failure = error.failure
        failure.sentence += "; then carry it on with --operation \(id)"
        throw failure
      }
    }
    guard access(file, F_OK) == 0 else {
      throw Failure(
        .failed, "this operation was done before, and the file was written then",
        remedy: "look for it; a code is provided once")
    }
    try output.write(ProvisionReport(provision, file: file, operation: id))
  }
}

/// `center recover`.
struct CenterRecover: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover", abstract: "Take a code back from a client that is lost, so that it can be redeemed again.",
    discussion: """
      Only a client that does not have the whole title loses its seat; what is redeemed is refunded instead. Seat 0 is \
      the code's own; a code for copying has them from 1 on. Without --seat the taken seats are listed.

      Example:
        warifu center recover --code file:code --seat 0 \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("The seat to take back.", valueName: "number"))
  var seat: Int?

  @OptionGroup var code: CodeOptions
  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let code = try code.read()
    let report = try await center.use { center in
      let seats = try await center.seatRecovery.seats(of: code)
      guard let seat else { return SeatReport(seats: seats.map(SeatReport.Seat.init), recovered: nil) }
      if let taken = seats.first(where: { $0.number == seat }), !taken.isDone {
        try agreement.confirm("The client of seat \(seat) loses \(Words.size(taken.acknowledged)) of its download")
      }
      let changed = try await center.seatRecovery.recover(code, seat: seat)
      return SeatReport(
        seats: try await center.seatRecovery.seats(of: code).map(SeatReport.Seat.init), recovered: changed)
    }
    try output.write(report)
  }
}

/// `center retire`.
struct CenterRetire: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retire", abstract: "End a code for good, with its copies and every key that comes from it.",
    discussion: """
      For codes whose limiting condition is met. Nothing is paid back; that is 'warifu center refund'.

      Example:
        warifu center retire --code file:code --yes \\
          --center center --passphrase file:passphrase
      """)

  @OptionGroup var code: CodeOptions
  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let code = try code.read()
    try await center.use { center in
      _ = try await center.seatRecovery.seats(of: code)
      try agreement.confirm("The code is worth nothing from now on, and so is what comes from it")
      try await center.seatRecovery.retire(code)
    }
    try output.write(RetiredReport())
  }
}

private struct ProvisionReport: Report {
  let file: String
  let number: UInt64
  let softwareID: String
  let octets: UInt64
  let expiry: UInt64?
  let operation: String

  init(_ provision: OfflineProvision, file: String, operation: OperationID) {
    self.file = file
    number = provision.number
    softwareID = provision.softwareID.description
    octets = provision.octets
    expiry = provision.expiry
    self.operation = operation.description
  }

  var text: String {
    Columns.fields([
      ("File", file), ("Provision", "number \(number)"), ("Title", softwareID), ("Sealed title", Words.size(octets)),
      ("Good until", expiry.map(Words.time) ?? "for ever"), ("Operation", operation),
    ])
  }
}

private struct SeatReport: Report {
  struct Seat: Encodable {
    let number: Int
    let begunAt: UInt64
    let acknowledged: UInt64
    let octets: UInt64
    let done: Bool

    init(_ seat: LicenseCenter.Seat) {
      number = seat.number
      begunAt = seat.begunAt
      acknowledged = seat.acknowledged
      octets = seat.octets
      done = seat.isDone
    }
  }

  let seats: [Seat]
  let recovered: Bool?

  var text: String {
    let outcome = recovered.map { $0 ? "The seat is free again.\n" : "The seat was free; nothing was changed.\n" } ?? ""
    guard !seats.isEmpty else { return recovered == nil ? "No seat of this code is taken.\n" : outcome }
    return outcome
      + Columns.table(
        ["SEAT", "SINCE", "HAS", "OF", "STATE"],
        seats.map {
          [
            "\($0.number)", Words.time($0.begunAt), Words.size($0.acknowledged), Words.size($0.octets),
            $0.done ? "done" : "under way",
          ]
        })
  }
}

private struct RetiredReport: Report {
  let state = "voided"

  var text: String { "The code is worth nothing from now on.\n" }
}
