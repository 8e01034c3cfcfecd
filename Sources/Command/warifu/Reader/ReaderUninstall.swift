import ArgumentParser
import Foundation
import Glibc

/// `reader uninstall`.
struct ReaderUninstall: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "uninstall", abstract: "Take away what 'warifu reader install' wrote, and nothing else.",
    discussion: """
      What was changed since, or is somebody else's, stays, and the command says so.

      Example:
        warifu reader uninstall
      """)

  @OptionGroup var place: ReaderPlace
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let root = try place.path()
    let path = ReaderConfiguration.path(below: root)
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(.noDevice, "no slots are installed: there is no \(path)", remedy: "look with 'warifu reader list'")
    }
    guard let configuration = try ReaderConfiguration(parsing: text, root: root) else {
      throw Failure(.failed, "\(path) is not this command's, or was changed", remedy: "take it away by hand")
    }
    let copies = try configuration.copies.filter { copy in
      guard let octets = FileManager.default.contents(atPath: copy.path) else { return false }
      guard try ReaderConfiguration.digest([UInt8](octets)) == copy.digest else {
        throw Failure(.failed, "\(copy.path) was changed since", remedy: "take it away by hand")
      }
      return true
    }
    if !place.dryRun { try remove(configuration, copies, path) }
    try output.write(ReaderUninstallReport(removed: [path] + copies.map(\.path), isDryRun: place.dryRun))
  }

  /// The file first: pcscd must not find one that names what is not there.
  private func remove(_ configuration: ReaderConfiguration, _ copies: [ReaderConfiguration.Copy], _ path: String) throws
  {
    for path in [path] + copies.map(\.path) {
      guard unlink(path) == 0 else { throw ReaderPlace.failure("remove \(path)") }
    }
    // A folder in which somebody has put something else stays.
    for folder in configuration.folders.reversed() { rmdir(folder) }
  }
}

private struct ReaderUninstallReport: Report {
  let removed: [String]
  let isDryRun: Bool

  var text: String {
    let files = removed.map { "  \($0)\n" }.joined()
    let next = isDryRun ? "" : "Restart pcscd to be rid of them: sudo systemctl restart pcscd\n"
    return "\(isDryRun ? "Would remove" : "Removed"):\n\(files)\(next)"
  }
}
