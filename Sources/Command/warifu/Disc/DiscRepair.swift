import ArgumentParser
import CopyLicensing
import DiscDriver

/// `disc repair`.
struct DiscRepair: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair", abstract: "Make the licensed volume of a disc whole, as far as that can be done.",
    discussion: """
      Writes again what a good copy exists of. What is lost stays as it is unless --remove-damaged gives it up: then \
      damaged titles and licences leave their room to others. Wherever a repair is cut off, nothing is worse than before.

      Example:
        warifu disc repair --disc disc.img
      """)

  @Flag(help: "Take titles and licences off that are damaged beyond repair; reads all software.")
  var removeDamaged = false

  @OptionGroup var disc: DiscOptions
  @OptionGroup var confirmation: DiscConfirmation
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let session = try disc.insert(readOnly: false).session
    if removeDamaged {
      try confirmation.confirm(
        "What is damaged on this disc is given up for ever", for: try session.mediumIdentity().id)
    }
    let repair: VolumeRepair
    do {
      let line = ProgressLine("Checking")
      repair = try LicensedVolume.repair(session, removingDamaged: removeDamaged) { done, total in
        line.advance(TransferProgress(.verifying, done: done, total: total))
      }
    }
    guard repair.before.isComplete else { throw Failure(.interrupted, "stopped", remedy: "nothing was changed") }
    try output.write(RepairReport(repair))
    guard repair.isComplete else {
      throw Failure(
        .interrupted, "stopped before all software was read",
        remedy: "what is told above was done; give the same command again for the rest")
    }
    try repair.after.requireWhole(remedy: "use another disc; this one does not take what is written")
  }
}

private struct RepairReport: Report {
  let before: CheckReport
  let after: CheckReport
  let repaired: [String]
  let removed: [String]

  init(_ repair: VolumeRepair) {
    before = CheckReport(repair.before)
    after = CheckReport(repair.after)
    repaired = repair.repaired.map(\.description)
    removed = repair.removed.map(\.description)
  }

  var text: String {
    let done = repaired.map { "Repaired: \($0)." } + removed.map { "Removed: \($0)." }
    return (done.isEmpty ? ["Nothing was repaired."] : done).map(CheckReport.folded).joined() + after.text
  }
}
