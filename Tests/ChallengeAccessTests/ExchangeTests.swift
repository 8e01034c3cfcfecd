import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import Testing

/// The methods of claims 1 and 12, step by step.
@Suite struct ExchangeTests {
  /// Both methods with each other, in one process, with the whole trace.
  @Test func C1_theStepsLeadToAccess() throws {
    let bench = try AccessBench()
    let title = try #require(SoftwareID(octets: bench.random.octets(16)))
    let request = try bench.request(softwareID: title)
    let octets = request.encoded
    var server = try ServerExchange(receiving: octets.span.bytes)
    try server.generate(as: bench.centerID, at: AccessBench.now, asking: [], random: bench.random)
    try server.sign(with: bench.serverKey)
    let answer = try bench.answer(try server.send(), to: request)
    try server.receive(answer.octets.span.bytes)
    try server.match(
      session: answer.session, under: [bench.serverKey.verificationKey], of: bench.centerID, at: AccessBench.now,
      within: .standard)
    try server.authenticate(bench.client())
    try server.claim(isFirstAnswer: true)
    try server.authorize()
    let permit = try server.permit()
    #expect(permit.client == bench.clientID && permit.role == .machine && permit.softwareID == title)
    #expect(permit.session == answer.session)
    #expect(server.trace == Array(AccessStep.allCases.dropLast()))
  }

  /// Whichever step a server is at, it gives no octet of software before access is permitted, and a try ends the exchange.
  @Test(arguments: 0..<8)
  func C1_noContentBeforeAValidResponse(steps: Int) throws {
    let bench = try AccessBench()
    var walk = try Walk(bench)
    for step in 0..<steps { try walk.take(step, bench) }
    var reads = 0
    do throws(AccessDenial) {
      try walk.server.transmit { reads += 1 }
      Issue.record("content was given")
    } catch {
      #expect(error == .outOfOrder)
    }
    #expect(reads == 0 && !walk.server.trace.contains(.softwareTransmitted))
    // It is over now: what would have been next is not taken any more.
    #expect(denial { try walk.take(steps, bench) } == .outOfOrder)
  }

  /// Steps cannot be left out, taken twice or taken early.
  @Test func C1_noOtherOrder() throws {
    let bench = try AccessBench()
    for done in 0..<8 {
      for next in 0..<8 where next != done {
        var walk = try Walk(bench)
        for step in 0..<done { try walk.take(step, bench) }
        #expect(denial { try walk.take(next, bench) } == .outOfOrder, "step \(next) after \(done)")
      }
      var walk = try Walk(bench)
      for step in 0..<done { try walk.take(step, bench) }
      #expect(denial { _ = try walk.server.permit() } == .outOfOrder)
    }
  }

  /// Software is transmitted after access is permitted, and the trace shows it.
  @Test func C3_transmittingComesAfterPermitting() throws {
    let bench = try AccessBench()
    var walk = try Walk(bench)
    for step in 0..<8 { try walk.take(step, bench) }
    #expect(walk.server.trace.last == .clientAuthorized)
    _ = try walk.server.permit()
    #expect(walk.server.trace.last == .accessPermitted)
    var parts: [[UInt8]] = []
    for part: [UInt8] in [[1, 2], [3]] { parts.append(try walk.server.transmit { part }) }
    #expect(parts == [[1, 2], [3]])
    let trace = walk.server.trace
    #expect(trace == AccessStep.allCases && trace == trace.sorted())
  }

  /// Every denial that the steps of C1 know is met by some way to fail, and by one only.
  @Test func C1_eachFailingStepHasItsOwnDenial() throws {
    let bench = try AccessBench()
    let policy = try ConfigurationPolicy([.hostID: .oneOf([[1]])])
    let client = bench.client(policy: policy)
    let stranger = try SigningKey(random: bench.random)
    func attempt(_ expected: AccessDenial, _ change: (inout Attempt) throws -> Void) throws {
      let request = try bench.request()
      let challenge = try bench.challenge(for: request, asking: [.hostID])
      let answer = try bench.answer(challenge, to: request, telling: [.hostID: [1]])
      var attempt = Attempt(octets: answer.octets, session: answer.session, client: client)
      try change(&attempt)
      let denial = bench.denial(
        of: attempt.octets, in: attempt.session, at: attempt.now, isFirstAnswer: attempt.isFirstAnswer,
        client: attempt.client)
      #expect(denial == expected)
    }
    try attempt(.malformed) { $0.octets.removeLast() }
    try attempt(.messageDiffers) { $0.octets = $0.octets.flipping(bit: 8 * 60) }
    try attempt(.otherSession) { $0.session = try #require(AccessSession(octets: bench.random.octets(16))) }
    try attempt(.stale) { $0.now += AccessBench.lifetime + 1 }
    try attempt(.future) { $0.now -= AccessBench.tolerance + 1 }
    try attempt(.unknownClient) { $0.client = nil }
    try attempt(.wrongClientKey) { $0.client?.key = stranger.verificationKey }
    try attempt(.replayed) { $0.isFirstAnswer = false }
    try attempt(.revoked) { $0.client?.isRevoked = true }
    try attempt(.roleNotGranted) { $0.client?.roles = [.counter, .holder, .auditor] }
    try attempt(.configurationUnauthorized) {
      $0.client?.policy = try ConfigurationPolicy([.hostID: .oneOf([[2]])])
    }
    try attempt(.configurationIncomplete) {
      $0.client?.policy = try ConfigurationPolicy([.hostID: .any, .architecture: .any])
    }
  }

  private struct Attempt {
    var octets: [UInt8]
    var session: AccessSession
    var now = AccessBench.now
    var isFirstAnswer = true
    var client: AccessClient?
  }
}

/// A server that is led through its steps by number, up to the one before permitting.
private struct Walk: ~Copyable {
  var server: ServerExchange
  private let request: AccessRequest
  private var sent: [UInt8]? = nil

  init(_ bench: borrowing AccessBench) throws {
    let request = try bench.request()
    let octets = request.encoded
    let server = try ServerExchange(receiving: octets.span.bytes)
    self.request = request
    self.server = server
  }

  mutating func take(_ step: Int, _ bench: borrowing AccessBench) throws {
    switch step {
    case 0: try server.generate(as: bench.centerID, at: AccessBench.now, asking: [], random: bench.random)
    case 1: try server.sign(with: bench.serverKey)
    case 2: sent = try server.send()
    case 3:
      let challenge = try sent ?? bench.challenge(for: request)
      let answer = try bench.answer(challenge, to: request)
      try server.receive(answer.octets.span.bytes)
    case 4:
      let session = try server.message?.session ?? #require(AccessSession(octets: bench.random.octets(16)))
      try server.match(
        session: session, under: [bench.serverKey.verificationKey], of: bench.centerID, at: AccessBench.now,
        within: .standard)
    case 5: try server.authenticate(bench.client())
    case 6: try server.claim(isFirstAnswer: true)
    default: try server.authorize()
    }
  }
}
