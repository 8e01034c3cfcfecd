import ChallengeAccess
import Formats
import HTTPTypes
import Identifiers
import LicenseCenter
import Octets

/// Who may have access, and as what. Auditors watch the counter, so that the counter names none: they are for the
/// operator, at the command line.
enum ClientEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [list(center), register(center), roles(center), revoke(center), reinstate(center)]
  }

  private static let machine = Schema.text(.hexadecimal(prefix: "W-", octets: 16...16))
  private static let inPath = Endpoint.Parameter.path("machine", machine, "The machine's id.")
  private static let client = Schema.text(.plain(1...64))
  private static let machineRoles: [AccessRole] = [.counter, .machine]

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/clients", "listClients",
      "Machines, and the cards that something was ever set for, by id; every other issued card is a holder.",
      access: .roles([.counter, .auditor]), parameters: Paging.parameters(after: client),
      answer: .json(Paging.schema("ClientPage", "clients", of: schema, next: client), "One page.")
    ) { call in
      guard let after = try? call.after({ AccessClientID($0) }) else {
        throw Problem(.unprocessable, "A page begins behind a card's serial or a machine's id.")
      }
      return try await Paging.page(
        call, "clients", next: { .text($0.id.description) },
        document: { document($0, withName: call.maySeePersons) }
      ) { try await center.access.clients(after: after, limit: $0) }
    }
  }

  private static func register(_ center: Center) -> Endpoint {
    let members: [Schema.Member] = [
      .init("machine", machine, "The machine's id, 16 octets made at random by whoever runs it."),
      .init("name", .text(.plain(1...64)), "What people call it."),
      .init("key", .text(.base64(octets: 65...65)), "Its public key: a point of P-256, uncompressed."),
    ]
    return Endpoint(
      .post, "/v1/clients", "registerMachine", "Takes a machine in by its key; the private one never leaves it.",
      access: .roles([.counter]),
      body: .named("NewMachine", .object(members + roleMembers(of: machineRoles))),
      answer: .json(.named("Machine", .object([.init("machine", machine, "Its id.")])), "It may log in."),
      problems: [.conflict, .unprocessable]
    ) { call in
      let id = try call.body.text("machine") { MachineID($0) }
      _ = try await center.access.register(
        id, name: try call.body.text("name") { $0 }, key: try call.body.text("key", Schema.TextKind.octets(base64:)),
        roles: try roles(call.body), policy: try policy(call.body), operation: try call.operation)
      return .json(["machine": .text(id.description)])
    }
  }

  private static func roles(_ center: Center) -> Endpoint {
    Endpoint(
      .put, "/v1/clients/{machine}/roles", "setMachineRoles",
      "Says as what a machine may log in from now on, and from which systems. The tokens that it has end.",
      access: .roles([.counter]), parameters: [inPath],
      body: .named("MachineRoles", .object(roleMembers(of: machineRoles))), answer: .json(.done, "It is so."),
      problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      _ = try await center.access.setRoles(
        try roles(call.body), policy: try policy(call.body), of: .machine(try call.text("machine") { MachineID($0) }),
        operation: try call.operation)
      return .done
    }
  }

  private static func revoke(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/clients/{machine}/revoke", "revokeMachine", "Takes all access from a machine, at once.",
      access: .roles([.counter]), parameters: [inPath], answer: .json(.done, "It has none any more."),
      problems: [.notFound, .conflict]
    ) { call in
      try await center.access.revoke(
        .machine(try call.text("machine") { MachineID($0) }), operation: try call.operation)
      return .done
    }
  }

  private static func reinstate(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/clients/{machine}/reinstate", "reinstateMachine", "Gives a machine its access back.",
      access: .roles([.counter]), parameters: [inPath], answer: .json(.done, "It has access."),
      problems: [.notFound, .conflict]
    ) { call in
      try await center.access.reinstate(
        .machine(try call.text("machine") { MachineID($0) }), operation: try call.operation)
      return .done
    }
  }
}

// MARK: Documents

extension ClientEndpoints {
  private static let items: [ConfigurationItem: String] = [
    .hostID: "hostID", .operatingSystem: "operatingSystem", .architecture: "architecture",
    .programVersion: "programVersion", .driveSerial: "driveSerial", .mediumID: "mediumID",
  ]

  /// What says as what somebody may log in.
  static func roleMembers(of roles: [AccessRole]) -> [Schema.Member] {
    [
      .init("roles", .array(.text(.choice(roles.map(\.name))), limit: roles.count), "As what; at least one."),
      .init(
        "configuration",
        .array(
          .named(
            "ConfigurationRule",
            .object([
              .init("item", .text(.choice(items.values.sorted())), "What the client has to tell of its system."),
              .init(
                "values", .array(.text(.base64(octets: 1...64)), limit: ConfigurationPolicy.valueLimit),
                "What it may be; anything if left out.", isOptional: true),
            ])), limit: items.count),
        "From which systems; from any, which need not say anything, if left out.", isOptional: true),
    ]
  }

  /// The roles that a checked body names.
  static func roles(_ body: JSON) throws(Problem) -> Set<AccessRole> {
    guard case .array(let names) = body["roles"] else { throw Problem(.invalid, "roles is missing.") }
    var roles: Set<AccessRole> = []
    for name in names { roles.insert(try name.spelled { AccessRole(name: $0) }) }
    return roles
  }

  /// The policy that a checked body has.
  static func policy(_ body: JSON) throws(Problem) -> ConfigurationPolicy {
    guard case .array(let rules) = body["configuration"] else { return .none }
    var policy: [ConfigurationItem: ConfigurationPolicy.Rule] = [:]
    for rule in rules {
      let item = try rule.text("item") { name in items.first { $0.value == name }?.key }
      guard policy[item] == nil else { throw Problem(.unprocessable, "An item of the configuration stands twice.") }
      guard case .array(let values) = rule["values"] else {
        policy[item] = .any
        continue
      }
      var octets: Set<[UInt8]> = []
      for value in values { octets.insert(try value.spelled(Schema.TextKind.octets(base64:))) }
      policy[item] = .oneOf(octets)
    }
    return try Problem.onRefusal { () throws(FormatError) in try ConfigurationPolicy(policy) }
  }

  private static func document(_ client: AccessClientRecord, withName: Bool) -> JSON {
    .members([
      "client": .text(client.id.description), "name": withName ? client.name.map { .text($0) } : nil,
      "roles": .array(client.roles.map(\.name).sorted().map { .text($0) }),
      "configuration": .array(client.policy.items.map { .text(items[$0] ?? "\($0)") }),
      "registeredAt": .number(client.registeredAt), "revokedAt": client.revokedAt.map { .number($0) },
    ])
  }

  private static let schema = Schema.named(
    "Client",
    .object([
      .init("client", client, "A card's serial or a machine's id."),
      .init("name", .text(.plain(1...64)), "What people call it; only for the counter.", isOptional: true),
      .init("roles", .array(.text(.choice(AccessRole.allCases.map(\.name))), limit: 4), "As what it may log in."),
      .init(
        "configuration", .array(.text(.choice(items.values.sorted())), limit: items.count),
        "What it has to tell of its system."),
      .init("registeredAt", .time, "Since when it is known, seconds since 1970 UTC."),
      .init("revokedAt", .time, "Since when it has no access any more.", isOptional: true),
    ]))
}
