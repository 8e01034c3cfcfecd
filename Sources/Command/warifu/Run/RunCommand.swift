import ArgumentParser
import CopyLicensing
import Formats

/// `run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a licensed program from its disc.",
    discussion: """
      The card checks licence, disc and title again and only then gives the key; the program is decrypted into sealed \
      memory and runs there. What follows -- goes to the program; its exit code is this command's.

      Example:
        warifu run --title OpenSSL \\
          --disc disc.img --card-file alice.card -- version
      """)

  @OptionGroup var copy: CopyOptions

  @Argument(parsing: .postTerminator, help: "What the program is given.")
  var arguments: [String] = []

  func run() async throws {
    let program = try content()
    try become(program)
  }

  /// Returns only by throwing.
  private func become(_ program: borrowing SealedMemory) throws {
    try program.execute(arguments: arguments, environment: copy.environment())
  }

  private func content() throws -> SealedMemory {
    let session = try copy.session(readOnly: true)
    let title = try session.open(try copy.title.resolve(among: try session.volume.namedTitles(), in: "the disc"))
    guard title.title.type == .program else {
      throw Failure(.badInput, "'\(title.title.name)' is no program", remedy: "see it with 'warifu show'")
    }
    let line = ProgressLine("Opening \(title.title.name)")
    return try title.sealedMemory(progress: line.advance)
  }
}
