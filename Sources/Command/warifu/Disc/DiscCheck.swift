import ArgumentParser
import CopyLicensing
import DiscDriver
import Identifiers

/// `disc check`.
struct DiscCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check the licensed volume of a disc, and say what to do about what is wrong.",
    discussion: """
      Looks at the partition table, both copies of everything, and every title's manifest; with --contents it reads all \
      software, too. Changes nothing. Ends with 0 if the volume is whole, 4 if a repair makes it so, 65 otherwise.

      Example:
        warifu disc check --contents --disc disc.img
      """)

  @Flag(help: "Read all software, and compare it with its digests.")
  var contents = false

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let inDrive = try disc.insert(readOnly: true)
    let report: VolumeReport
    do {
      let line = ProgressLine("Checking")
      report = try LicensedVolume.check(inDrive.session, contents: contents) { done, total in
        line.advance(TransferProgress(.verifying, done: done, total: total))
      }
    }
    guard report.isComplete else { throw Failure(.interrupted, "stopped", remedy: "nothing was changed") }
    try output.write(CheckReport(report))
    try report.requireWhole(remedy: "run 'warifu disc repair'")
  }
}

extension VolumeReport {
  /// Fails unless the volume is whole, with the exit code that says how far it is from that.
  func requireWhole(remedy: String) throws {
    let count = Words.count(findings.count { $0.severity != .note }, "finding")
    switch state {
    case .whole: return
    case .repairable: throw Failure(.repairDue, "the volume is not whole (\(count))", remedy: remedy)
    case .damaged, .foreign, .newer, .unformatted:
      let worst = findings.first { $0.severity == .unusable } ?? findings.first { $0.severity == .damage }
      throw Failure(
        .badInput, "the volume is \(state.word) (\(count))", remedy: worst?.remedy ?? "see what the check says")
    }
  }
}

/// What a check found.
struct CheckReport: Report {
  struct Finding: Encodable {
    let severity: String
    let finding: String
    let remedy: String

    init(_ finding: VolumeFinding) {
      severity = finding.severity.word
      self.finding = finding.description
      remedy = finding.remedy
    }
  }

  let state: String
  let mediumID: String
  let licences: Int
  let titles: Int
  let comparedOctets: UInt64
  let findings: [Finding]

  init(_ report: VolumeReport) {
    state = report.state.word
    mediumID = report.identity.id.description
    licences = report.licenceCount
    titles = report.titleCount
    comparedOctets = report.comparedOctets
    findings = report.findings.map(Finding.init)
  }

  var text: String {
    let compared = comparedOctets > 0 ? "; \(Words.size(comparedOctets)) of software compared" : ""
    let sum =
      "The volume is \(state): \(Words.count(licences, "licence")), \(Words.count(titles, "title"))\(compared).\n"
    return sum
      + findings.map {
        Self.folded("\(Self.sentence($0.severity)): \($0.finding).") + Self.folded("  \(Self.sentence($0.remedy)).")
      }.joined()
  }

  /// A line for a terminal, and what does not fit below it, further in.
  static func folded(_ line: String) -> String {
    let margin = line.prefix { $0 == " " }
    return FoldedText.fold(String(line.dropFirst(margin.count)), columns: 74).split(separator: "\n").enumerated()
      .map { "\(margin)\($0 == 0 ? "" : "    ")\($1)\n" }.joined()
  }

  private static func sentence(_ phrase: String) -> String { phrase.prefix(1).uppercased() + phrase.dropFirst() }
}

extension VolumeReport.State {
  /// The state in a word, for people and programs.
  var word: String {
    switch self {
    case .whole: "whole"
    case .repairable: "repairable"
    case .damaged: "damaged"
    case .foreign: "foreign"
    case .newer: "newer"
    case .unformatted: "unformatted"
    }
  }
}

extension VolumeFinding.Severity {
  /// The severity in a word, for people and programs.
  var word: String {
    switch self {
    case .note: "note"
    case .repairable: "repairable"
    case .damage: "damage"
    case .unusable: "unusable"
    }
  }
}
