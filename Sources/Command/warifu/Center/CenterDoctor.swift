import ArgumentParser
import Cryptography
import LicenseCenter

/// `center doctor`.
struct CenterDoctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Look at all that a centre needs, and say what is wrong and what to do.",
    discussion: """
      Looks at permissions, room on the disk, certificates, key store, clock, database, audit log and backups. Fails \
      where something is wrong now; a warning is no failure.

      Example:
        warifu center doctor --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try center.folder()
    let passphrase = try center.passphraseOptions.read()
    let findings = await folder.diagnose(passphrase: passphrase, random: SystemRandom(), clock: SystemClock())
    try output.write(DoctorReport(findings))
    let errors = findings.filter { $0.severity == .error }.count
    guard errors == 0 else {
      throw Failure(.failed, "\(errors) of \(findings.count) findings are errors", remedy: "do what they say")
    }
  }
}

private struct DoctorReport: Report {
  struct Row: Encodable {
    let severity: String
    let subject: String
    let finding: String
    let remedy: String?
  }

  let findings: [Row]

  init(_ findings: [Finding]) {
    self.findings = findings.map { finding in
      Row(
        severity: finding.severity.rawValue, subject: finding.subject, finding: finding.finding, remedy: finding.remedy)
    }
  }

  var text: String {
    findings.map { row in
      let remedy = row.remedy.map { " \($0)" } ?? ""
      return "\(row.severity): \(row.subject): \(row.finding)\(remedy)\n"
    }.joined()
  }
}
