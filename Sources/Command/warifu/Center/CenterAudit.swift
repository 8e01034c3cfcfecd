import ArgumentParser
import Formats
import LicenseCenter
import Octets

/// `center audit`.
struct CenterAudit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "List what was done at the centre: the audit log.",
    discussion: """
      Records name serials, numbers and amounts, never a code or a person. That nobody changed one, 'warifu center \
      verify' says. With --json each record is a line.

      An ACTION with a full stop at its end stands for all that begin so, such as charge. or payment. .

      Example:
        warifu center audit --last 20 --center center --passphrase file:passphrase
        warifu center audit --follow --json --action redeem. \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("Only records behind the one of this number.", valueName: "number"))
  var after: Int64?

  @Option(help: ArgumentHelp("Only the newest so many records, before others are left out.", valueName: "number"))
  var last: Int64?

  @Option(help: "Only records of this action.")
  var action: String?

  @Option(help: "Only records about this, such as a card's serial.")
  var subject: String?

  @Flag(help: "Go on with new records as they come, until ended.")
  var follow = false

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (after ?? 0) >= 0, (last ?? 0) >= 0 else { throw ValidationError("records have numbers from 1 on") }
    guard after == nil || last == nil else { throw ValidationError("give --after or --last, not both") }
    guard action.map(CenterAudit.isAction) ?? true else {
      throw ValidationError("'\(action ?? "")' is no action; they are words of letters with full stops between")
    }
  }

  func run() async throws {
    try await center.use { center in
      var position = try await start(center)
      let watch = InterruptWatch()
      var isHeadDue = !output.json
      repeat {
        let records = try await center.audit.entries(after: position, limit: CenterAudit.pageSize)
        for record in records where isWanted(record) {
          let line = AuditLine(record)
          if isHeadDue { try Terminal.write(AuditLine.head) }
          isHeadDue = false
          try output.writeLine(line)
        }
        position = records.last?.sequence ?? position
        guard records.isEmpty else { continue }
        guard follow else { return }
        try await Task.sleep(for: .milliseconds(500))
      } while !watch.isInterrupted
      throw ExitCode(ExitStatus.interrupted.rawValue)
    }
  }

  private func start(_ center: Center) async throws -> Int64 {
    guard let last else { return after ?? 0 }
    return max(0, try await center.audit.head().sequence - last)
  }

  private static let pageSize = 1000

  private func isWanted(_ record: AuditEntry) -> Bool {
    let isOfAction = action.map { $0.hasSuffix(".") ? record.action.hasPrefix($0) : record.action == $0 } ?? true
    return isOfAction && (subject.map { $0 == record.subject } ?? true)
  }

  private static func isAction(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2E || $0 == 0x2D }
  }
}

/// One record on a line.
private struct AuditLine: Report {
  let record: Int64
  let time: UInt64
  let action: String
  let subject: String
  let detail: String
  let hash: String

  init(_ entry: AuditEntry) {
    record = entry.sequence
    time = entry.time
    action = entry.action
    subject = entry.subject
    detail = entry.detail
    hash = Hex.encode(entry.hash)
  }

  /// What stands above the lines.
  static let head = line("RECORD", "TIME", "ACTION", "SUBJECT", "DETAIL")

  var text: String { AuditLine.line("\(record)", Words.time(time), action, subject, detail) }

  /// Columns of a fixed width, since nobody knows yet what comes; what is longer pushes the rest to the right.
  private static func line(_ record: String, _ time: String, _ action: String, _ subject: String, _ detail: String)
    -> String
  {
    func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
    let line = [pad(record, 6), pad(time, 20), pad(action, 16), pad(subject, 16), detail].joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
  }
}
