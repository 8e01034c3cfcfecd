import Cryptography
import ISCSI
import ISCSITarget
import Octets
import Testing

/// Who is let in, and what is tried to get in without a secret (RFC 7143, 9.2 and 12.1.4).
@Suite struct CHAPTests {
  private static let secret = "initiator-secret-1"
  private static let targetSecret = "target-secret-no-2"

  private final class Authority: CHAPAuthority {
    let isMutual: Bool
    private var count: UInt8 = 0

    init(isMutual: Bool) { self.isMutual = isMutual }

    func makeChallenge() -> CHAPChallenge {
      count += 1
      return CHAPChallenge(identifier: count, octets: [UInt8](repeating: count, count: 16))
    }

    func verify(name: [UInt8], response: [UInt8], to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> Bool {
      name == Array("user".utf8) && response == CHAPTests.answer(challenge, algorithm, CHAPTests.secret)
    }

    func answer(to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> (name: String, response: [UInt8])? {
      isMutual ? ("target", CHAPTests.answer(challenge, algorithm, CHAPTests.targetSecret)) : nil
    }
  }

  static func answer(_ challenge: CHAPChallenge, _ algorithm: CHAPAlgorithm, _ secret: String) -> [UInt8] {
    let digest: ChallengeDigest = algorithm == .md5 ? .md5 : .sha256
    let secret = Secret(copying: Array(secret.utf8))
    return (try? digest.answer(identifier: challenge.identifier, secret: secret, challenge: challenge.octets)) ?? []
  }

  private func node(isMutual: Bool = false) throws -> TargetNode {
    TargetNode(name: unitTargetName, device: try TestDevice(), authority: Authority(isMutual: isMutual))
  }

  /// As far as the target's question.
  private func begin(_ initiator: Initiator, algorithms: String = "5") throws -> PDU {
    let methods = try initiator.send(
      initiator.loginRequest(.security), Initiator.text(Initiator.names + [("AuthMethod", "CHAP,None")]))
    #expect(methods.first?.value("AuthMethod") == "CHAP")
    let answer = try initiator.send(initiator.loginRequest(.security), Initiator.text([("CHAP_A", algorithms)]))
    return try #require(answer.first)
  }

  private func challenge(_ question: PDU) throws -> CHAPChallenge {
    CHAPChallenge(
      identifier: UInt8(try #require(TextValue.number(question.value("CHAP_I") ?? ""))),
      octets: try #require(TextValue.binary(question.value("CHAP_C") ?? "", limit: 64)))
  }

  private func respond(
    _ initiator: Initiator, _ name: String, _ response: [UInt8], _ more: [(String, String)] = []
  ) throws -> PDU? {
    let pairs = [("CHAP_N", name), ("CHAP_R", TextValue.hexadecimal(response))] + more
    return try initiator.send(initiator.loginRequest(.security, to: .operational), Initiator.text(pairs)).first
  }

  @Test(arguments: [("5", CHAPAlgorithm.md5), ("7", .sha256), ("7,5", .sha256), ("6,8,5", .md5)])
  func whoKnowsTheSecretComesIn(_ algorithms: String, _ algorithm: CHAPAlgorithm) throws {
    let initiator = try Initiator(node())
    let question = try begin(initiator, algorithms: algorithms)
    #expect(question.value("CHAP_A") == String(algorithm.rawValue))
    let response = Self.answer(try challenge(question), algorithm, Self.secret)
    let answer = try respond(initiator, "user", response)
    #expect(answer?.header.loginStatus == .success)
    #expect(answer?.header.isTransit == true)
    let last = try initiator.send(initiator.loginRequest(.operational, to: .fullFeature)).first
    #expect(last?.header.tsih != 0)
  }

  @Test func whoDoesNotStaysOut() throws {
    let wrong = try Initiator(node())
    let question = try challenge(begin(wrong))
    #expect(
      try respond(wrong, "user", Self.answer(question, .md5, "guessed-secret"))?.header.loginStatus
        == .authenticationFailure)
    #expect(wrong.outlet.isClosed)

    let other = try Initiator(node())
    let again = try challenge(begin(other))
    #expect(
      try respond(other, "root", Self.answer(again, .md5, Self.secret))?.header.loginStatus == .authenticationFailure)

    // Not to be asked at all is no way in either.
    let none = try Initiator(node())
    let text = Initiator.text(Initiator.names + [("AuthMethod", "None")])
    #expect(try none.send(none.loginRequest(.security), text).first?.header.loginStatus == .authenticationFailure)
    let skipping = try Initiator(node())
    #expect(try skipping.logIn().header.loginStatus == .authenticationFailure)
    // Nor is it to hurry on.
    let hurried = try Initiator(node())
    let answer = try hurried.send(hurried.loginRequest(.security, to: .fullFeature), text.dropLast(0) + []).first
    #expect(answer?.header.loginStatus == .authenticationFailure)
    let silent = try Initiator(node())
    let waiting = try silent.send(
      silent.loginRequest(.security, to: .fullFeature), Initiator.text(Initiator.names)
    ).first
    #expect(waiting?.header.isTransit == false)
  }

  @Test func theTargetProvesItselfToWhoeverProvedHimself() throws {
    let initiator = try Initiator(node(isMutual: true))
    let question = try challenge(begin(initiator))
    let mine = CHAPChallenge(identifier: 9, octets: Array(20..<40))
    let answer = try respond(
      initiator, "user", Self.answer(question, .md5, Self.secret),
      [("CHAP_I", "9"), ("CHAP_C", TextValue.hexadecimal(mine.octets))])
    #expect(answer?.value("CHAP_N") == "target")
    #expect(answer?.value("CHAP_R") == TextValue.hexadecimal(Self.answer(mine, .md5, Self.targetSecret)))
  }

  @Test func aTargetWithoutASecretOfItsOwnProvesNothing() throws {
    let initiator = try Initiator(node())
    let question = try challenge(begin(initiator))
    let answer = try respond(
      initiator, "user", Self.answer(question, .md5, Self.secret), [("CHAP_I", "9"), ("CHAP_C", "0x0102")])
    #expect(answer?.header.loginStatus == .authenticationFailure)
  }

  /// The target's question, sent back on the same connection or another, is not answered.
  @Test func aQuestionSentBackIsNotAnswered() throws {
    let node = try node(isMutual: true)
    let victim = try Initiator(node)
    let asked = try challenge(begin(victim))
    let forger = try Initiator(node)
    let own = try challenge(begin(forger))
    for reflected in [asked, own] {
      let one = reflected == own ? forger : try Initiator(node)
      let question = reflected == own ? own : try challenge(begin(one))
      let answer = try respond(
        one, "user", Self.answer(question, .md5, Self.secret),
        [("CHAP_I", String(reflected.identifier)), ("CHAP_C", TextValue.hexadecimal(reflected.octets))])
      #expect(answer?.header.loginStatus == .authenticationFailure)
      #expect(answer?.value("CHAP_R") == nil)
    }
  }

  @Test func secretsAreLongAndDifferent() throws {
    func credentials(_ secret: String) throws -> CHAPCredentials {
      try CHAPCredentials(name: "user", secret: Secret(copying: Array(secret.utf8)))
    }
    #expect(throws: ISCSITargetError.badSecret) { try credentials("elevenchars") }
    #expect(throws: ISCSITargetError.badSecret) { try credentials(String(repeating: "x", count: 256)) }
    var configuration = ISCSITarget.Configuration(name: unitTargetName)
    configuration.port = 0
    configuration.credentials = try credentials("twelve-chars")
    configuration.mutual = try credentials("twelve-chars")
    let drive = try TestDevice().drive
    #expect(throws: ISCSITargetError.sameSecret) {
      try ISCSITarget(serving: drive, configuration: configuration).start()
    }
    configuration.credentials = nil
    #expect(throws: ISCSITargetError.mutualAlone) {
      try ISCSITarget(serving: drive, configuration: configuration).start()
    }
    configuration.mutual = nil
    configuration.name = "no name"
    #expect(throws: ISCSITargetError.badName("no name")) {
      try ISCSITarget(serving: drive, configuration: configuration).start()
    }
  }
}
