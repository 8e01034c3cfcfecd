import CardDriver
import CardProtocol
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import NIOCore
import NIOHTTP1

/// Logging in by challenge and answer: the client's half of C1, C3-C6 and C8-C12 over the network.
extension CenterClient {
  private static let login = "Logging in at the centre"

  /// Logs a card in as its holder. The card is asked for no PIN.
  ///
  /// Centre and card prove themselves to each other: the card answers to nobody but the centre that issued it. The key
  /// that the centre's message is checked with is the card's own.
  ///
  /// - Parameters:
  ///   - card: with its application selected; it is reset before anything else, so that another login can follow.
  ///   - configuration: what is told of this system where the centre asks for it.
  public func logIn(
    with card: WarifuCard, as role: AccessRole = .holder, for softwareID: SoftwareID? = nil,
    configuration: [ConfigurationItem: [UInt8]] = [:]
  ) async throws(CenterClientError) -> CenterToken {
    let (serial, key, nonce) = try onCard { () throws(CardError) in
      let serial = try card.status().serial
      let key = try card.connection.data(.getData(.centerVerificationKey), operation: "read the centre's key")
      try card.requireCenter()
      return (serial, key, try card.challenge())
    }
    var exchange: ClientExchange
    do {
      exchange = ClientExchange(
        try AccessRequest(client: .card(serial), role: role, softwareID: softwareID, nonce: nonce))
    } catch {
      throw CenterClient.refused()
    }
    let keys = (try? VerificationKey(octets: key)).map { [$0] } ?? []
    try await receive(&exchange, under: keys, configuration)
    guard let proof = exchange.cardProof else { throw CenterClient.refused() }
    let challenge: [UInt8]
    do { challenge = try exchange.cardChallenge() } catch { throw CenterClient.refused() }
    let signature = try onCard { () throws(CardError) in
      try card.believe(center: proof)
      return try card.authenticate(challenge: challenge)
    }
    do { try exchange.attach(signature: signature) } catch { throw CenterClient.refused() }
    return try await token(for: &exchange)
  }

  /// Logs a machine in under its own key.
  ///
  /// - Parameter keys: the centre's public keys (`timeKey` of its `center.json`), which the machine keeps.
  public func logIn(
    machine: MachineID, key: borrowing SigningKey, centerKeys keys: [VerificationKey],
    as role: AccessRole = .machine, for softwareID: SoftwareID? = nil,
    configuration: [ConfigurationItem: [UInt8]] = [:]
  ) async throws(CenterClientError) -> CenterToken {
    let nonce = random.octets(AccessRequest.nonceOctets)
    var exchange: ClientExchange
    do {
      exchange = ClientExchange(
        try AccessRequest(client: .machine(machine), role: role, softwareID: softwareID, nonce: nonce))
    } catch {
      throw CenterClient.refused()
    }
    try await receive(&exchange, under: keys, configuration)
    do { try exchange.sign(with: key) } catch { throw CenterClient.refused() }
    return try await token(for: &exchange)
  }

  /// Logs a card in as its holder, lends the token, and gives it back whatever happens.
  public func loggedIn<R>(with card: WarifuCard, _ body: (CenterToken) async throws -> R) async throws -> R {
    let token = try await logIn(with: card)
    let result: R
    do {
      result = try await body(token)
    } catch {
      try? await logOut(token)
      throw error
    }
    try? await logOut(token)
    return result
  }

  /// Gives a token back: it is worth nothing then. Tried once, since it is worth nothing after a short time anyway.
  public func logOut(_ token: CenterToken) async throws(CenterClientError) {
    struct Ended: Decodable { var ended: Bool }
    var request = CenterRequest(
      method: .DELETE, target: "/v1/login/token", operation: "Logging out at the centre", token: token)
    request.time = .seconds(15)
    request.isTriedOnce = true
    _ = try await ask(request, as: Ended.self)
  }

  private struct ChallengeRequest: Encodable { var request: Data }
  private struct Challenge: Decodable {
    var session: String
    var challenge: Data
  }
  private struct ChallengeAnswer: Encodable {
    var session: String
    var answer: Data
  }
  private struct Grant: Decodable {
    var token: String
    var expiresAt: UInt64
  }

  /// Asks for the centre's message, believes it only under the centre's signature, and adds what it asks for.
  private func receive(
    _ exchange: inout ClientExchange, under keys: [VerificationKey], _ configuration: [ConfigurationItem: [UInt8]]
  ) async throws(CenterClientError) {
    let body = ChallengeRequest(request: Data(exchange.request.encoded))
    let challenge = try await ask(
      .post("/v1/login/challenges", CenterClient.login, nil, body), as: Challenge.self)
    let octets = [UInt8](challenge.challenge)
    do {
      try exchange.receive(octets.span.bytes, under: keys)
    } catch {
      throw CenterClientError(
        .notTheCenter, CenterClient.login,
        remedy: "What answers at \(address) is not the centre of this card or key; check the address.")
    }
    let asked = exchange.message?.configurationAsked ?? []
    let told = configuration.filter { asked.contains($0.key) }
    do {
      try exchange.add(try ConfigurationData(told))
    } catch {
      throw CenterClientError(
        .problem("configuration"), CenterClient.login,
        remedy:
          "The centre asks for configuration data that is not known here: \(asked.map { "\($0)" }.joined(separator: ", "))."
      )
    }
  }

  private func token(for exchange: inout ClientExchange) async throws(CenterClientError) -> CenterToken {
    let answer: (session: AccessSession, octets: [UInt8])
    do { answer = try exchange.answer() } catch { throw CenterClient.refused() }
    let body = ChallengeAnswer(session: answer.session.description, answer: Data(answer.octets))
    let grant: Grant
    do throws(CenterClientError) {
      grant = try await ask(.post("/v1/login/tokens", CenterClient.login, nil, body), as: Grant.self)
    } catch {
      guard error.code == .problem("not-authenticated") else { throw error }
      // An answer is good once (C8): where the token was lost on the line, the next login gets one.
      var error = error
      error.remedy =
        "The centre gave no access; run it again, and if that is refused too, ask there whether you may have it."
      throw error
    }
    guard let token = CenterToken(grant.token, expiresAt: grant.expiresAt) else {
      throw CenterClientError(
        .answerInvalid, CenterClient.login, remedy: "The answer is none that a licence centre gives; check the address."
      )
    }
    return token
  }

  private func onCard<R>(_ body: () throws(CardError) -> R) throws(CenterClientError) -> R {
    do { return try body() } catch { throw CenterClientError(error, CenterClient.login, mayHaveChanged: false) }
  }

  private static func refused() -> CenterClientError {
    CenterClientError(
      .notTheCenter, login, remedy: "The exchange does not fit together; check which centre issued the card.")
  }
}
