import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A client that knows only what docs/challenge-access.md says, in another language and with another library.
@Suite struct ForeignClientTests {
  @Test func C12_aForeignMachineGetsIn() async throws {
    let test = try await TestCenter()
    let id = try #require(MachineID(octets: test.random.octets(16)))
    var given = [
      "key": [0x12] + test.random.octets(31), "client": id.octets, "role": [AccessRole.machine.rawValue],
      "nonce": test.random.octets(32),
    ]
    let asked = try tell(given)
    let policy = try ConfigurationPolicy([
      .hostID: .oneOf([Array("host".utf8)]), .operatingSystem: .any, .architecture: .oneOf([Array("x86_64".utf8)]),
    ])
    _ = try await test.center.access.register(
      id, name: "Python", key: try #require(asked["publicKey"]), roles: [.machine], policy: policy)
    given["serverKey"] = test.center.facts.timeKey
    for (host, isRight) in [("hose", false), ("host", true)] {
      let invitation = try await test.center.access.invite(try #require(asked["request"]))
      given["challenge"] = invitation.challenge
      given["configuration"] = Array("\(host)\0Debian 13\0x86_64".utf8)
      let told = try tell(given)
      #expect(told["session"] == invitation.session.octets)
      #expect(try #require(told["time"]).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == test.clock.now())
      let answer = try #require(told["answer"])
      if isRight {
        let grant = try await test.center.access.admit(answer, in: invitation.session)
        #expect(grant.permit.client == .machine(id))
      } else {
        await expectFailure(.denied(.configurationUnauthorized)) {
          _ = try await test.center.access.admit(answer, in: invitation.session)
        }
      }
    }
  }

  private func tell(_ given: [String: [UInt8]]) throws -> [String: [UInt8]] {
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Reference/access_client.py")
    let output = try runPython(script, input: try JSONEncoder().encode(given.mapValues { Hex.encode($0) }))
    return try JSONDecoder().decode([String: String].self, from: output).mapValues { try #require(Hex.decode($0)) }
  }
}
