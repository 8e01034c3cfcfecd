import Cryptography
import Formats
import Glibc
import Identifiers
import LicenseCenter
import Octets

/// A client and its centre in a process that a test can kill.
///
/// `center-rig redeem FOLDER KEY` redeems the code on its standard input at the centre in FOLDER, in ranges, to the end;
/// `center-rig provide FOLDER OPERATION PATH` has it provided off-line; with `center-rig storm FOLDER CLIENTS` so many
/// clients at once go for all codes, and each line names one that a client has to the end; `center-rig publish FOLDER TITLE
/// FILE` publishes; `center-rig serve FOLDER PORT [DATABASE]` serves until it is told to stop, whoever logs in and a counter
/// whose token is the line behind the passphrase, if there is one. Standard input has a line with
/// the passphrase and one with each code. Every answer of the centre is printed as soon as it is there.
@main
enum CenterRig {
  static func main() async {
    do {
      try await run(CommandLine.arguments)
    } catch {
      print("\(error)", to: STDERR_FILENO)
      exit(1)
    }
  }

  private static func run(_ arguments: [String]) async throws {
    guard arguments.count >= 4, let passphrase = readLine() else { exit(64) }
    if arguments[1] == "serve", let port = Int(arguments[3]) {
      return try await serve(
        arguments[2], port, database: arguments.count > 4 ? arguments[4] : nil, passphrase: passphrase,
        token: readLine())
    }
    let codes = try AnyIterator { readLine() }.map { try RetrievalCode(typed: $0) }
    let center = try await CenterFolder(arguments[2]).open(
      passphrase: Secret(copying: Array(passphrase.utf8)), random: SystemRandom(), clock: StoppedClock())
    if arguments[1] == "storm", let clients = Int(arguments[3]) {
      return try await storm(codes, clients: clients, at: center)
    }
    if arguments[1] == "publish", arguments.count == 5, let softwareID = SoftwareID(arguments[3]) {
      let published = try await center.titleStore.publish(softwareID, from: arguments[4])
      return print("published \(Hex.encode(published.digest))", to: STDOUT_FILENO)
    }
    guard let code = codes.first, let key = Hex.decode(arguments[3]) else { exit(64) }
    switch arguments[1] {
    case "redeem":
      guard let key = IdempotencyKey(octets: key) else { exit(64) }
      try await redeem(code, key, at: center)
    case "provide" where arguments.count == 5:
      guard let operation = OperationID(octets: key) else { exit(64) }
      let provision = try await center.offlineCounter.provide(code, operation: operation, to: arguments[4])
      print("provided \(provision.number)", to: STDOUT_FILENO)
    default: exit(64)
    }
  }

  /// What a server and its client do together: the answer is kept in the transaction that takes the seat.
  private static func redeem(_ code: RetrievalCode, _ key: IdempotencyKey, at center: Center) async throws {
    let redemption = center.redemption
    let answer = try await center.idempotency.run(scope: "rig", key: key, digest: Digest.sha256(code.octets)) {
      let request = try redemption.prepare(RedemptionRequest(code: code, key: key))
      guard case .granted(let grant) = try redemption.begin(request, in: $0) else {
        return (404, [])
      }
      return (201, grant.ticket.octets + [UInt8](String(grant.octets).utf8))
    }
    print("\(answer.status) \(Hex.encode(answer.body))", to: STDOUT_FILENO)
    guard answer.status == 201, let ticket = DownloadTicket(octets: Array(answer.body.prefix(32))),
      let octets = UInt64(String(decoding: answer.body.dropFirst(32), as: UTF8.self))
    else { exit(2) }
    print("done \(Hex.encode(try await download(ticket, octets, redemption)))", to: STDOUT_FILENO)
  }

  /// Downloads to the end, and answers the wrapped key.
  private static func download(
    _ ticket: DownloadTicket, _ octets: UInt64, _ redemption: Redemption
  ) async throws -> [UInt8] {
    let done = try await redemption.progress(ticket)
    if let key = done.wrappedContentKey { return key }
    let middle = octets / 2
    for range in [0..<middle, middle..<octets] {
      let slice = try await redemption.open(ticket, range: range)
      var position = range.lowerBound
      while position < range.upperBound { position += UInt64(try slice.read(at: position).count) }
    }
    guard let key = try await redemption.acknowledge(ticket, upTo: octets).wrappedContentKey else { exit(3) }
    return key
  }

  /// Every client goes for every code, each beginning elsewhere, under keys that it will have again after a crash.
  private static func storm(_ codes: [RetrievalCode], clients: Int, at center: Center) async throws {
    let redemption = center.redemption
    try await withThrowingTaskGroup(of: Void.self) { group in
      for client in 0..<clients {
        group.addTask {
          for step in 0..<codes.count {
            let number = (client * 7 + step) % codes.count
            let seed = Digest.sha256(Array("client \(client)".utf8) + codes[number].octets)
            guard let key = IdempotencyKey(octets: Array(seed.prefix(16))) else { exit(70) }
            let answer = try await redemption.begin(RedemptionRequest(code: codes[number], key: key))
            guard case .granted(let grant) = answer else { continue }
            _ = try await download(grant.ticket, grant.octets, redemption)
            print("\(number) \(client)", to: STDOUT_FILENO)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Writes a line at once, past every buffer.
  static func print(_ line: String, to descriptor: Int32) {
    let octets = Array((line + "\n").utf8)
    _ = octets.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
  }
}

/// The time at which the tests' centres stand.
struct StoppedClock: CenterClock {
  func now() -> UInt64 { 1_800_000_000 }
}
