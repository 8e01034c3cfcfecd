import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@testable import ChallengeAccess

/// A server and a machine that knows it, with standing clocks and chance that can be had again.
struct AccessBench: ~Copyable {
  static let now: UInt64 = 1_800_000_000
  static let lifetime = AccessWindow.standard.lifetime
  static let tolerance = AccessWindow.standard.tolerance

  let random: SeededRandom
  let serverKey: SigningKey
  let clientKey: SigningKey
  let centerID: CenterID
  let clientID: AccessClientID

  init(seed: UInt64 = 7) throws {
    let random = SeededRandom(seed: seed)
    let centerID = try #require(CenterID(octets: random.octets(16)))
    let machine = try #require(MachineID(octets: random.octets(16)))
    let serverKey = try SigningKey(random: random)
    let clientKey = try SigningKey(random: random)
    self.random = random
    self.centerID = centerID
    clientID = .machine(machine)
    self.serverKey = serverKey
    self.clientKey = clientKey
  }

  /// What the server knows of the machine.
  func client(policy: ConfigurationPolicy = .none) -> AccessClient {
    AccessClient(id: clientID, key: clientKey.verificationKey, roles: [.machine], policy: policy)
  }

  func request(role: AccessRole = .machine, softwareID: SoftwareID? = nil) throws -> AccessRequest {
    try AccessRequest(
      client: clientID, role: role, softwareID: softwareID, nonce: random.octets(AccessRequest.nonceOctets))
  }

  /// The server's first half, up to what it sends.
  func challenge(
    for request: AccessRequest, asking items: [ConfigurationItem] = [], at time: UInt64 = AccessBench.now
  ) throws -> [UInt8] {
    let octets = request.encoded
    var server = try ServerExchange(receiving: octets.span.bytes)
    try server.generate(as: centerID, at: time, asking: items, random: random)
    try server.sign(with: serverKey)
    return try server.send()
  }

  /// The client's half.
  func answer(
    _ challenge: [UInt8], to request: AccessRequest, telling values: [ConfigurationItem: [UInt8]] = [:]
  ) throws -> (session: AccessSession, octets: [UInt8]) {
    var client = ClientExchange(request)
    try client.receive(challenge.span.bytes, under: [serverKey.verificationKey])
    try client.add(try ConfigurationData(values))
    try client.sign(with: clientKey)
    return try client.answer()
  }

  /// An answer of a client that tells what it likes, past its own half's checks.
  func forgedAnswer(_ challenge: [UInt8], _ values: [ConfigurationItem: [UInt8]]) throws -> [UInt8] {
    let challenge = try AccessChallenge(challenge)
    let response = AccessResponse(
      message: challenge.message, messageSignature: challenge.signature, configuration: try ConfigurationData(values)
    ).encoded
    return AccessAnswer(response: response, signature: try clientKey.sign(response)).encoded
  }

  /// The server's second half: why there is no access, or `nil`.
  func denial(
    of octets: [UInt8], in session: AccessSession, at now: UInt64 = AccessBench.now, isFirstAnswer: Bool = true,
    client: AccessClient?
  ) -> AccessDenial? {
    do throws(AccessDenial) {
      var server = try ServerExchange(resumingWith: octets.span.bytes)
      try server.match(
        session: session, under: [serverKey.verificationKey], of: centerID, at: now, within: .standard)
      try server.authenticate(client)
      try server.claim(isFirstAnswer: isFirstAnswer)
      try server.authorize()
      _ = try server.permit()
      return nil
    } catch {
      return error
    }
  }
}

extension [UInt8] {
  /// With one bit changed.
  func flipping(bit: Int) -> [UInt8] {
    var octets = self
    octets[bit / 8] ^= 1 << UInt8(bit % 8)
    return octets
  }
}

/// Why `body` was denied; `nil` when it was not.
func denial(_ body: () throws -> Void) -> AccessDenial? {
  do {
    try body()
    return nil
  } catch {
    return error as? AccessDenial
  }
}

// An array that is read at once: a span of a value that is passing by does not outlive it.
extension AccessRequest {
  init(_ octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }
}
extension AccessMessage {
  init(_ octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }
}
extension AccessChallenge {
  init(_ octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }
}
extension AccessAnswer {
  init(_ octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }

  /// The record of the message in it.
  func message() throws(FormatError) -> [UInt8] {
    let response = response
    return try AccessResponse(parsing: response.span.bytes).message
  }
}
extension ConfigurationData {
  init(octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }
}
extension ConfigurationPolicy {
  init(octets: [UInt8]) throws(FormatError) { try self.init(parsing: octets.span.bytes) }
}
