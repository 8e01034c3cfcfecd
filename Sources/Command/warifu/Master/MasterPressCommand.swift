import ArgumentParser
import CopyLicensing
import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter

/// `master press`.
struct MasterPressCommand: AsyncParsableCommand, PreparesProcess {
  static let configuration = CommandConfiguration(
    commandName: "press", abstract: "Seal files as titles, and press them onto a master disc.",
    discussion: """
      A SPEC is path=FILE with name=, type= (program, data, text, image, sound or video), price= and perhaps version= \
      and seller=; or path=FILE,title=TITLE for a title that the centre knows. A comma within a value is written \\, .

      A title is sealed for the one way of copying it that it was registered for: by certificate code, where master and \
      copy are the same ciphertext, or by conversion keys, where each copy is encrypted for its own disc.

      A pressed title is on the disc alone. With --publish, or later by 'warifu center title publish', the centre keeps \
      a sealed copy that codes buy for download.

      The image needs as much scratch space again, in its folder or in the one that TMPDIR names.

      Example:
        warifu master press master.iso --name "Spring disc" \\
          --title "path=/usr/bin/openssl,name=OpenSSL,type=program,price=5 EUR" \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The image to make.")
  var image: String

  @Option(help: "The disc's name.")
  var name: String

  @Option(help: ArgumentHelp("A title to press; give one for each.", valueName: "spec"))
  var title: [TitleSpecification]

  @Option(
    help: ArgumentHelp(
      "The manager program that the disc brings along; without it this very program.", valueName: "path"))
  var manager: String?

  @Option(help: "How the titles are copied: certificate or conversion. New ones without it by certificate.")
  var profile: CopyProfile?

  @Flag(help: "Put the titles up for download, too, by those who have codes.")
  var publish = false

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  /// libarchive spools the whole image into a scratch file, and /tmp often lies in memory.
  func prepareProcess() {
    setenv("TMPDIR", URL(fileURLWithPath: image).deletingLastPathComponent().path, 0)
  }

  func validate() throws {
    guard !title.isEmpty else { throw ValidationError("Give at least one --title.") }
    guard !name.isEmpty else { throw ValidationError("The disc needs a name.") }
  }

  func run() async throws {
    let manager = manager ?? "/proc/self/exe"
    let sources = try title.map { try SourceFile($0.path) }
    _ = try SourceFile(manager)
    let catalogue = try await center.use { center in
      let catalogue = try await press(sources, at: center, manager: manager)
      if publish { try await publish(catalogue, at: center) }
      return catalogue
    }
    try output.write(MasterReport(catalogue, image: image, isPublished: publish))
  }

  /// After the image is whole: what is up for download is on a disc as well.
  private func publish(_ catalogue: MasterCatalogue, at center: Center) async throws {
    for (specification, title) in zip(title, catalogue.titles) {
      do {
        _ = try await center.titleStore.publish(title.softwareID, from: specification.path)
      } catch {
        var failure = error.failure
        failure.sentence += "; the image is whole, publish with 'warifu center title publish'"
        throw failure
      }
    }
    try await center.titleStore.removeOutdated()
  }

  /// Nothing is registered before everything that can be known beforehand is in order, and each title only when its turn
  /// comes: a registration stays, whatever becomes of the image.
  private func press(_ sources: [SourceFile], at center: Center, manager: String) async throws -> MasterCatalogue {
    let plans = try PressingPlan.plans(
      title, known: try await center.titles.titles(), seller: center.facts.name, profile: profile)
    // The image's name may be taken, the disc's name may be none.
    var press = try MasterPress(
      creating: image, name: name, center: center.facts.centerID,
      catalogueCertificate: center.facts.catalogueCertificate, time: SystemClock().now(), random: SystemRandom())
    guard (try? press.catalogue.json()) != nil else {
      throw Failure(
        .badInput, "the disc cannot have this name", remedy: "give 1 to 128 octets without control characters")
    }
    try press.addManager(from: manager)
    for (plan, source) in zip(plans, sources) {
      let record = try await plan.record(at: center)
      let key = try await center.titles.contentKey(of: record.softwareID)
      let line = ProgressLine("Sealing \(record.name)")
      try press.add(PressedTitle(record), contentKey: key, from: source, progress: line.advance)
    }
    let catalogue = press.catalogue
    try press.finish(try await center.titles.sign(catalogue))
    return catalogue
  }
}

extension PressedTitle {
  fileprivate init(_ record: TitleRecord) {
    self.init(
      softwareID: record.softwareID, name: record.name, version: record.version, type: record.type,
      price: record.price)
  }
}
