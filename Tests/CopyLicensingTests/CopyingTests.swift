import CardDriver
import CopyLicensing
import DiscDriver
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Testing
import WarifuTesting

/// Embodiment 1 from the request to the copy (M1 to M8), with the real card, disc, master image and centre.
@Suite struct CopyingTests {
  /// A title that fills several segments, with text in it that would be found anywhere.
  static let content =
    Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) })
    + Data("The quick brown fox is nobody's licensed software but ours.".utf8)

  struct Scene {
    let bench: Workbench
    let card: Workbench.IssuedCard
    let disc: Workbench.TargetDisc
    let master: LicensedMaster
    let titles: [SoftwareID]
    let session: CopySession

    static func set(seed: UInt64 = 7) async throws -> Scene {
      let bench = try await Workbench.setUp(seed: seed)
      try content.write(to: URL(fileURLWithPath: bench.folder("program.bin")))
      try Data("A text of one line.\n".utf8).write(to: URL(fileURLWithPath: bench.folder("text.txt")))
      let card = try await bench.issueCard()
      let disc = try bench.makeDisc("target.mo")
      let pressed = try await bench.pressMaster(
        "master.iso", [(bench.folder("program.bin"), .program), (bench.folder("text.txt"), .text)])
      let session = try bench.session(card, disc)
      let master = try LicensedMaster(opening: pressed.path, anchor: session.anchor)
      return Scene(bench: bench, card: card, disc: disc, master: master, titles: pressed.titles, session: session)
    }
  }

  @Test func M2_masterDiscHasTitlesIdentifiersAndManager() async throws {
    let scene = try await Scene.set()
    #expect(scene.master.catalogue.titles.map(\.softwareID) == scene.titles)
    #expect(Set(scene.titles).count == 2)
    for title in scene.master.catalogue.titles {
      let file = try #require(scene.master.disc.file(at: title.path))
      #expect(file.length == title.ciphertextOctets)
    }
    let image = try Data(contentsOf: URL(fileURLWithPath: scene.bench.folder("master.iso")))
    #expect(image.range(of: CopyingTests.content[1_000_000..<1_000_064]) == nil)
    #expect(image.range(of: Data("A text of one line.".utf8)) == nil)
  }

  @Test func M2_pressedDiscCarriesTheManagerProgram() async throws {
    let bench = try await Workbench.setUp()
    let manager = Data("#!/bin/sh\nexit 0\n".utf8)
    try manager.write(to: URL(fileURLWithPath: bench.folder("manager")))
    var press = try MasterPress(
      creating: bench.folder("m.iso"), name: "With manager", center: bench.center.facts.centerID,
      catalogueCertificate: bench.center.facts.catalogueCertificate, time: bench.clock.now(), random: bench.random)
    try press.addManager(from: bench.folder("manager"))
    let signed = try await bench.center.titles.sign(press.catalogue)
    try press.finish(signed)
    let disc = try MasterDisc(opening: bench.folder("m.iso"))
    let file = try #require(disc.file(at: "warifu/warifu"))
    #expect(file.isExecutable)
    #expect(try disc.contents(of: "warifu/warifu", limit: 1_000) == Array(manager))
  }

  @Test func M4_theRequestIsSaved() async throws {
    let scene = try await Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    let requests = try await scene.bench.center.copyLicenses.requests(of: scene.card.serial)
    #expect(requests.count == 1)
    #expect(requests.first?.softwareID == scene.titles[0])
    #expect(requests.first?.mediumID == scene.disc.volume.identity.id)
  }

  @Test func M5_licenseBillsOnceHoweverOftenItIsAskedFor() async throws {
    let scene = try await Scene.set()
    let first = try await scene.bench.license(scene.titles[0], in: scene.session)
    let again = try await scene.bench.license(scene.titles[0], in: scene.session)
    #expect(first == again)
    let earned = try await scene.bench.center.ledger.balance(of: .seller("Seller"), in: .euro)
    #expect(earned.minorUnits.magnitude == 500)
    try await scene.bench.center.ledger.verify()
  }

  @Test func M6_licenseLiesAtThePredeterminedPlace() async throws {
    let scene = try await Scene.set()
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let layout = scene.disc.volume.layout
    let offset = layout.offset(ofLicenceSlot: 0, copy: .a)
    let session = try DriveSession(scene.disc.drive)
    let block = UInt64(session.blockSize)
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: VolumeLayout.licenceSlotLength, alignment: 16)
    defer { raw.deallocate() }
    try session.read(from: scene.disc.volume.firstBlock + offset / block, into: raw)
    #expect(Data(raw).range(of: Data(license.encoded)) != nil)
  }

  @Test func M7_withoutLicenseNotOneOctetIsCopied() async throws {
    let scene = try await Scene.set()
    let before = try scene.dataArea()
    #expect(throws: LicensingError.self) { try scene.session.copy(scene.titles[0], from: scene.master) }
    #expect(try scene.dataArea() == before)
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  @Test func M7_anotherCardsRefusalStopsTheCopy() async throws {
    let scene = try await Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    let other = try await scene.bench.issueCard(purchaser: "B. Other")
    let session = try scene.bench.session(other, scene.disc)
    let before = try scene.dataArea()
    let error = #expect(throws: LicensingError.self) { try session.copy(scene.titles[0], from: scene.master) }
    #expect(error?.code == .wrongCard)
    #expect(try scene.dataArea() == before)
  }

  @Test func M7_cardItselfRefusesWhatTheHostWouldAllow() async throws {
    let scene = try await Scene.set()
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let good = CertificateVariants.certificate(license)
    try scene.card.card.certify(good)
    for (name, variant) in CertificateVariants.altered(license) {
      #expect(throws: (any Error).self, "\(name)") { try scene.card.card.certify(variant) }
    }
  }

  @Test func M8_onlyCiphertextReachesTheDisc() async throws {
    let scene = try await Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    var last = TransferProgress(.copying, done: 0, total: 0)
    let installed = try scene.session.copy(scene.titles[0], from: scene.master) { progress in
      last = progress
      return true
    }
    #expect(last.done == last.total && last.total == installed.length)
    let image = try Data(contentsOf: URL(fileURLWithPath: scene.disc.path))
    for start in stride(from: 0, to: CopyingTests.content.count - 64, by: 250_000) {
      #expect(image.range(of: CopyingTests.content[start..<(start + 64)]) == nil)
    }
    let title = try #require(scene.master.catalogue.title(scene.titles[0]))
    let file = try #require(scene.master.disc.file(at: title.path))
    var sealed = [UInt8](repeating: 0, count: 4_096)
    _ = try sealed.withUnsafeMutableBytes { try scene.master.disc.read(file, at: 1_048_576, into: $0) }
    #expect(image.range(of: Data(sealed)) != nil)
  }

  @Test func M8_cancelledCopyLeavesTheDiscAsItWas() async throws {
    let scene = try await Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: scene.master) { _ in false }
    }
    #expect(error?.code == .cancelled)
    #expect(try scene.disc.volume.titles().isEmpty)
    try scene.session.copy(scene.titles[0], from: scene.master)
    #expect(try scene.disc.volume.titles().map(\.softwareID) == [scene.titles[0]])
  }
}

extension CopyingTests.Scene {
  /// Every octet of the image that a host can reach.
  func dataArea() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: disc.path), options: .mappedIfSafe) }
}
