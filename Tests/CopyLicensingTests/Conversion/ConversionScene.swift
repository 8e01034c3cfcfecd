import CopyLicensing
import Cryptography
import DiscDriver
import Formats
import Foundation
import Identifiers
import LicenseCenter
import SecureChannel
import Testing
import WarifuTesting

/// A master disc whose titles are sold under conversion keys, a card, a target disc, and everything that is real between.
struct ConversionScene {
  let bench: Workbench
  let card: Workbench.IssuedCard
  let disc: Workbench.TargetDisc
  let masterPath: String
  let titles: [SoftwareID]
  let session: CopySession

  /// Three segments, and one line.
  static let contents = [CopyingTests.content, Data("A text of one line, dear as it is.\n".utf8)]

  static func set(seed: UInt64 = 11) async throws -> ConversionScene {
    let bench = try await Workbench.setUp(seed: seed)
    for (index, content) in contents.enumerated() {
      try content.write(to: URL(fileURLWithPath: bench.folder("content-\(index)")))
    }
    let card = try await bench.issueCard()
    let disc = try bench.makeDisc("target.mo")
    let pressed = try await bench.pressMaster(
      "master.iso", [(bench.folder("content-0"), .video), (bench.folder("content-1"), .text)], profile: .conversion)
    return ConversionScene(
      bench: bench, card: card, disc: disc, masterPath: pressed.path, titles: pressed.titles,
      session: try bench.session(card, disc))
  }

  /// The master disc.
  func master() throws -> LicensedMaster { try LicensedMaster(opening: masterPath, anchor: session.anchor) }

  /// Licenses and copies the first title.
  func copied() async throws -> ConversionLicense {
    let license = try await bench.conversionLicense(titles[0], in: session)
    try session.copy(titles[0], from: try master())
    return license
  }

  /// A title's sealed file, as it lies on the master disc.
  func sealed(_ index: Int = 0) throws -> [UInt8] {
    let master = try master()
    let title = try #require(master.catalogue.title(titles[index]))
    return try master.disc.contents(of: title.path, limit: 8 << 20)
  }

  /// Every octet of the target disc's image.
  func image() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: disc.path), options: .mappedIfSafe) }

  /// The software of a title as it lies on a volume.
  static func software(_ title: SoftwareID, on volume: LicensedVolume) throws -> [UInt8] {
    let reader = try volume.open(title: title)
    var octets = [UInt8](repeating: 0, count: Int(reader.length))
    _ = try octets.withUnsafeMutableBytes { try reader.read(at: 0, into: $0) }
    return octets
  }
}

extension CopySession {
  /// Whether a title, opened from the disc into memory, is `content`. An answer, since megabytes that differ are nothing
  /// that an expectation should compare octet by octet.
  func shows(_ content: Data, as title: SoftwareID) throws -> Bool {
    let opened = try open(title)
    let memory = try opened.sealedMemory()
    return try FileHandle(fileDescriptor: memory.descriptor, closeOnDealloc: false).readAllFromStart() == content
  }
}

extension FileHandle {
  fileprivate func readAllFromStart() throws -> Data {
    try seek(toOffset: 0)
    return try readToEnd() ?? Data()
  }
}
