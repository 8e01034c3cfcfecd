import Cryptography
import Formats
import Foundation
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct DoctorTests {
  private func diagnose(
    _ test: TestCenter, passphrase: [UInt8] = TestCenter.passphrase
  ) async -> [Finding] {
    await CenterFolder(test.path).diagnose(
      passphrase: Secret(copying: passphrase), database: test.room.location, random: test.random, clock: test.clock)
  }

  private func expect(
    _ severity: Finding.Severity, _ subject: String, _ findings: [Finding],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = findings.filter { $0.subject == subject }.map(\.severity).max()
    #expect(found == severity, "\(subject)", sourceLocation: sourceLocation)
    for finding in findings where finding.severity != .good {
      #expect(finding.remedy?.isEmpty == false, "\(finding)", sourceLocation: sourceLocation)
    }
  }

  @Test func soundCentreIsFoundSound() async throws {
    let test = try await TestCenter()
    _ = try await test.center.backUp(to: test.folder.path + "/backup")
    let findings = await diagnose(test)
    for subject in [
      "permissions", "clock", "database", "audit log", "backup", "certificate for authority",
      "certificate for licences", "certificate for catalogues",
    ] { expect(.good, subject, findings) }
    // Tests seal at a lower cost.
    expect(.warning, "key store", findings)
    #expect(findings.contains { $0.subject == "free space" })
  }

  @Test func whatIsWrongIsFound() async throws {
    let test = try await TestCenter()
    expect(.warning, "backup", await diagnose(test))
    expect(.error, "centre", await diagnose(test, passphrase: [1]))
    let file = CenterFolder(test.path).file(.keys)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
    expect(.error, "permissions", await diagnose(test))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)

    _ = try await test.center.backUp(to: test.folder.path + "/backup")
    test.clock.advance(by: 8 * 86_400)
    expect(.warning, "backup", await diagnose(test))
    test.clock.advance(by: Authority.centerValiditySeconds - 60 * 86_400)
    expect(.warning, "certificate for authority", await diagnose(test))
    test.clock.advance(by: 60 * 86_400)
    expect(.error, "certificate for licences", await diagnose(test))
    for purpose in [KeyPurpose.authority] {
      _ = try await CenterFolder(test.path).rotate(
        purpose, passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
        clock: test.clock)
    }
    let rotated = await diagnose(test)
    for name in ["authority", "licences", "catalogues"] { expect(.good, "certificate for \(name)", rotated) }

    _ = try await test.center.context.database.write {
      try $0.run("UPDATE audit_log SET detail = 'x' WHERE sequence = 2")
    }
    expect(.error, "audit log", await diagnose(test))
    let behind = await CenterFolder(test.path).diagnose(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: StandingClock())
    expect(.error, "clock", behind)
    // What has yet to be noted would make the file anew.
    try test.center.context.custody?.keeper.keep()
    try FileManager.default.removeItem(atPath: CenterFolder(test.path).file(.heads))
    expect(.error, "centre", await diagnose(test))
  }
}
