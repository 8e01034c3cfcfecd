import ArgumentParser
import CopyLicensing
import Formats
import Foundation
import Glibc

/// `show`.
struct ShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a licensed text, image, sound, video or data.",
    discussion: """
      The card checks licence, disc and title again and only then gives the key. The content goes to standard output, \
      segment by segment as it is decrypted; or with --with to a program that is given the path of sealed memory as its \
      last argument, behind what follows --. Nothing is written to any disk. Programs run instead, see 'warifu run'.

      Example:
        warifu show --title "A text" \\
          --disc disc.img --card-file alice.card | less
      """)

  @Option(name: .customLong("with"), help: ArgumentHelp("The program that shows it.", valueName: "program"))
  var viewer: String?

  @Option(help: ArgumentHelp("Only the octets FROM to TO, counted from 0, or from FROM on.", valueName: "from-to"))
  var range: OctetRange?

  @OptionGroup var copy: CopyOptions

  @Argument(parsing: .postTerminator, help: "What the program is given before the path.")
  var arguments: [String] = []

  func validate() throws {
    guard viewer == nil || range == nil else { throw ValidationError("Give --with or --range, not both.") }
    guard viewer != nil || arguments.isEmpty else {
      throw ValidationError("What follows -- is for the program of --with.")
    }
  }

  func run() async throws {
    guard let viewer else { return try write() }
    try become(viewer, showing: try memory())
  }

  private func write() throws {
    let title = try open()
    let line = ProgressLine("Opening \(title.title.name)")
    try title.write(try octets(of: title), to: STDOUT_FILENO, progress: line.advance)
  }

  private func octets(of title: borrowing CertifiedTitle) throws -> Range<UInt64> {
    guard let range else { return 0..<UInt64.max }
    let length = try title.plaintextLength()
    guard range.first < length else {
      throw Failure(
        .badInput, "'\(title.title.name)' has no octet \(range.first)",
        remedy: "it has \(length); the last one is \(max(length, 1) - 1)")
    }
    return range.octets
  }

  private func memory() throws -> SealedMemory {
    let title = try open()
    let line = ProgressLine("Opening \(title.title.name)")
    return try title.sealedMemory(progress: line.advance)
  }

  /// Returns only by throwing.
  private func become(_ viewer: String, showing content: borrowing SealedMemory) throws {
    try content.show(with: viewer, arguments: arguments, environment: copy.environment())
  }

  private func open() throws -> CertifiedTitle {
    let session = try copy.session(readOnly: true)
    let title = try session.open(try copy.title.resolve(among: try session.volume.namedTitles(), in: "the disc"))
    guard title.title.type != .program else {
      throw Failure(.badInput, "'\(title.title.name)' is a program", remedy: "run it with 'warifu run'")
    }
    return title
  }
}

/// Octets as HTTP counts them (RFC 9110, 14.1.2): `0-99` are a hundred, `100-` is the rest.
struct OctetRange: ExpressibleByArgument {
  /// The first one.
  let first: UInt64
  /// The last one; `nil` for as many as there are.
  let last: UInt64?

  init?(argument: String) {
    let parts = argument.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let first = UInt64(parts[0])
    else { return nil }
    self.first = first
    guard !parts[1].isEmpty else {
      last = nil
      return
    }
    guard let last = UInt64(parts[1]), last >= first, last < .max else { return nil }
    self.last = last
  }

  /// From the first to behind the last.
  var octets: Range<UInt64> { first..<(last.map { $0 + 1 } ?? .max) }
}

extension CopyOptions {
  /// What this process has, without what held a secret or tells where one is.
  func environment() -> [String: String] {
    var environment = ProcessInfo.processInfo.environment
    let passphrase = environment.removeValue(forKey: PassphraseOptions.variable).map { SecretSource(argument: $0) }
    for case .environment(let name) in [passphrase, card.cardKey] { environment[name] = nil }
    return environment
  }
}
