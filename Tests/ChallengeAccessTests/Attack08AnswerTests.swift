import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import Testing

/// Attack 8, where it is about a challenge: whoever heard an answer gives it again.
@Suite struct Attack08AnswerTests {
  /// The server of claims 1, 8 and 9 to the letter: it generates a message for what it is asked, signs it, and compares
  /// what comes back under the client's signature. Of chance only claim 4 speaks, of time only claim 5.
  private struct SeedsServer {
    let clientKey: VerificationKey

    func message(for software: String) -> [UInt8] { Array("you asked for \(software)".utf8) }

    func permits(_ response: (message: [UInt8], signature: [UInt8]), to software: String) -> Bool {
      response.message == message(for: software)
        && (try? clientKey.verify(response.message, response.signature)) != nil
    }
  }

  @Test func attack08_seedTakesAHeardAnswerAgain() throws {
    let bench = try AccessBench()
    let server = SeedsServer(clientKey: bench.clientKey.verificationKey)
    let message = server.message(for: "openssl")
    let heard = (message: message, signature: try bench.clientKey.sign(message))
    #expect(server.permits(heard, to: "openssl"))
    // Somebody else, any day later.
    #expect(server.permits(heard, to: "openssl"))
  }

  @Test func attack08_aHeardAnswerIsGoodOnceAndInItsTime() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let heard = try bench.answer(try bench.challenge(for: request), to: request)
    let client = bench.client()
    #expect(bench.denial(of: heard.octets, in: heard.session, client: client) == nil)
    // In its own session; in one that the listener has opened with the very same request; and later.
    #expect(bench.denial(of: heard.octets, in: heard.session, isFirstAnswer: false, client: client) == .replayed)
    let opened = try AccessMessage(try AccessChallenge(try bench.challenge(for: request)).message)
    #expect(opened.request == request)
    #expect(bench.denial(of: heard.octets, in: opened.session, client: client) == .otherSession)
    let later = AccessBench.now + AccessBench.lifetime + 1
    #expect(bench.denial(of: heard.octets, in: heard.session, at: later, client: client) == .stale)
    // What was heard under another message is not under this one's.
    var mixed = try AccessAnswer(heard.octets)
    mixed.response = try AccessAnswer(try bench.answer(try bench.challenge(for: request), to: request).octets).response
    let session = try AccessMessage(mixed.message()).session
    #expect(bench.denial(of: mixed.encoded, in: session, client: client) == .wrongClientKey)
  }

  /// A listener who changes what was asked for, in the request or in the message, gets nothing that the client did not ask.
  @Test func attack08_anAnswerIsForWhatTheClientAskedFor() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    var client = bench.client()
    client.roles = [.machine, .counter]
    // The one in between asks for more in the client's name: the client will not answer.
    let more = try AccessRequest(client: bench.clientID, role: .counter, nonce: request.nonce)
    let challenge = try bench.challenge(for: more)
    var exchange = ClientExchange(request)
    do throws(AccessRefusal) {
      try exchange.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey])
      Issue.record("the client would answer for another role")
    } catch {
      #expect(error == .otherRequest)
    }
    // He puts the client's own answer to a smaller request into the session of the larger one.
    let answer = try bench.answer(try bench.challenge(for: request), to: request)
    let larger = try AccessMessage(try AccessChallenge(challenge).message).session
    #expect(bench.denial(of: answer.octets, in: larger, client: client) == .otherSession)
  }
}
