import ArgumentParser
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Octets

/// The noun `center clients`.
struct CenterClients: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clients", abstract: "Machines and cards that may log in, and as what.",
    subcommands: [
      CenterClientsRegister.self, CenterClientsList.self, CenterClientsRoles.self, CenterClientsRevoke.self,
      CenterClientsReinstate.self,
    ])
}

/// `center clients register`.
struct CenterClientsRegister: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "register", abstract: "Let a machine log in, by its public key.",
    discussion: """
      Whoever runs the machine makes the key, and keeps its private half: 'openssl ecparam -name prime256v1 -genkey \
      -noout -out machine.key', then 'openssl ec -in machine.key -pubout -out machine.pub'. Issued cards are holders \
      without being registered.

      Example:
        warifu center clients register --name "Press hall" --role machine \\
          --key machine.pub --center center --passphrase file:passphrase
      """)

  @Option(help: "What people call it.")
  var name: String

  @Option(help: ArgumentHelp("Its public key: a PEM file, or 130 hexadecimal digits.", valueName: "file|hex"))
  var key: String

  @Option(help: "As what it may log in: counter, machine or auditor; give one for each.")
  var role: [AccessRole]

  @Option(help: ArgumentHelp("Its id, W- and 32 hexadecimal digits; without it one drawn by lot.", valueName: "id"))
  var id: MachineID?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !role.isEmpty else { throw ValidationError("give at least one --role") }
  }

  func run() async throws {
    let point = try PublicKeyFile.point(key)
    guard let id = id ?? MachineID(octets: SystemRandom().octets(MachineID.octetCount)) else {
      throw Failure(.bug, "no machine could be named", remedy: "report this")
    }
    let record = try await center.use { try await $0.access.register(id, name: name, key: point, roles: Set(role)) }
    try output.write(ClientReport(record))
  }
}

/// `center clients list`.
struct CenterClientsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List machines, and the cards that something was set for.",
    discussion: """
      Every other issued card is a holder.

      Example:
        warifu center clients list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let clients = try await center.use { try await $0.access.clients() }
    try output.write(ClientListReport(clients: clients.map(ClientReport.init)))
  }
}

/// `center clients roles`.
struct CenterClientsRoles: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "roles", abstract: "Say as what a machine or card may log in; it must log in anew.",
    discussion: """
      A card is no machine, and a machine no holder.

      Example:
        warifu center clients roles 0102030405060708 --role holder --role counter \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The card's serial, or the machine's id.")
  var client: AccessClientID

  @Option(help: "As what: counter, holder, machine or auditor; give one for each.")
  var role: [AccessRole]

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !role.isEmpty else { throw ValidationError("give at least one --role; or see 'center clients revoke'") }
  }

  func run() async throws {
    let record = try await center.use { center in
      let known = try await center.access.client(client)
      return try await center.access.setRoles(Set(role), policy: known.policy, of: client)
    }
    try output.write(ClientReport(record))
  }
}

/// `center clients revoke`.
struct CenterClientsRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Take all access from a machine or card, at once.",
    discussion: """
      What it is logged in for ends too. 'warifu center clients reinstate' takes it back.

      Example:
        warifu center clients revoke 0102030405060708 --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The card's serial, or the machine's id.")
  var client: AccessClientID

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let record = try await center.use { center in
      _ = try await center.access.client(client)
      try agreement.confirm("\(client) has no access any more, and is logged out")
      try await center.access.revoke(client)
      return try await center.access.client(client)
    }
    try output.write(ClientReport(record))
  }
}

/// `center clients reinstate`.
struct CenterClientsReinstate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reinstate", abstract: "Give a revoked machine or card its access back.",
    discussion: """
      Example:
        warifu center clients reinstate 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The card's serial, or the machine's id.")
  var client: AccessClientID

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let record = try await center.use { center in
      try await center.access.reinstate(client)
      return try await center.access.client(client)
    }
    try output.write(ClientReport(record))
  }
}

extension AccessClientID: ExpressibleByArgument {
  /// A card's serial, or a machine's id.
  public init?(argument: String) { self.init(argument) }
}

extension MachineID: ExpressibleByArgument {
  /// `W-` and 32 hexadecimal digits.
  public init?(argument: String) { self.init(argument) }
}

extension AccessRole: ExpressibleByArgument {
  /// The role's name.
  public init?(argument: String) { self.init(name: argument) }

  public static var allValueStrings: [String] { allCases.map(\.name) }
}

/// A public key of P-256 as people have it.
private enum PublicKeyFile {
  /// SubjectPublicKeyInfo of a point of P-256, up to the point (RFC 5480).
  private static let head: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
  ]
  private static let pointOctets = 65

  /// The point, 65 octets.
  static func point(_ argument: String) throws -> [UInt8] {
    if let point = Hex.decode(argument), point.count == pointOctets { return point }
    let content = try SmallFile.read(argument, limit: 16_384, what: "public key")
    let der = pem(content) ?? content
    guard der.count == head.count + pointOctets, der.starts(with: head) else {
      throw Failure(
        .badInput, "\(argument) holds no public key of P-256",
        remedy: "give what 'openssl ec -in KEY -pubout' writes, or 130 hexadecimal digits")
    }
    return Array(der.suffix(pointOctets))
  }

  private static func pem(_ octets: [UInt8]) -> [UInt8]? {
    let lines = String(decoding: octets, as: UTF8.self).split(whereSeparator: \.isNewline)
    guard let start = lines.firstIndex(of: "-----BEGIN PUBLIC KEY-----"),
      let end = lines.firstIndex(of: "-----END PUBLIC KEY-----"), start < end
    else { return nil }
    return Data(base64Encoded: lines[(start + 1)..<end].joined()).map(Array.init)
  }
}

private struct ClientReport: Report {
  let client: String
  let kind: String
  let name: String?
  let roles: [String]
  let registeredAt: UInt64
  let revokedAt: UInt64?

  init(_ record: AccessClientRecord) {
    client = record.id.description
    kind = if case .card = record.id { "card" } else { "machine" }
    name = record.name
    roles = record.roles.map(\.name).sorted()
    registeredAt = record.registeredAt
    revokedAt = record.revokedAt
  }

  fileprivate var access: String { revokedAt.map { "revoked \(Words.time($0))" } ?? roles.joined(separator: ", ") }

  var text: String {
    Columns.fields([
      (kind == "card" ? "Card" : "Machine", client), ("Name", name ?? "the card's purchaser"), ("May log in as", access),
      ("Known since", Words.time(registeredAt)),
    ])
  }
}

private struct ClientListReport: Report {
  let clients: [ClientReport]

  var text: String {
    guard !clients.isEmpty else { return "No machines; every issued card is a holder.\n" }
    return Columns.table(
      ["CLIENT", "ACCESS", "NAME"], clients.map { [$0.client, $0.access, $0.name ?? ""] })
  }
}
