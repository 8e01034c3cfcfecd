import CardDriver
import CardProtocol
import CopyLicensing
import Cryptography
import DiscDriver
import Formats
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Octets
import SCSI
import Testing
import WarifuTesting

/// Embodiment 2 on the user's side (M13, M14), with the real card, disc, master image and centre.
@Suite struct ConversionTests {
  @Test func M13_wrappedKeysLieOnTheMediumAsTheyCame() async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.copied()
    let volume = scene.disc.volume
    let drive = try DriveSession(scene.disc.drive)
    var slot = [UInt8](repeating: 0, count: VolumeLayout.licenceSlotLength)
    let block = volume.firstBlock + volume.layout.offset(ofLicenceSlot: 0, copy: .a) / UInt64(drive.blockSize)
    try slot.withUnsafeMutableBytes { try drive.read(from: block, into: $0) }
    #expect(Data(slot).range(of: Data(license.wrappedMediumKey)) != nil)
    #expect(volume.licence(for: scene.titles[0])?.octets == license.encoded)
    // And neither key lies anywhere on it as the card opened it.
    let keys = try scene.card.card.openConversionKeys(
      softwareID: license.softwareID, mediumID: license.mediumID, wrappedMediumKey: license.wrappedMediumKey,
      wrappedMasterKey: license.wrappedMasterKey)
    let image = try scene.image()
    for key in [keys.mediumKey.withBytes { $0.octets }, keys.masterKey.withBytes { $0.octets }] {
      #expect(image.range(of: Data(key)) == nil)
    }
  }

  @Test func M13_notOneOctetIsCopiedUnlessTheCardOpensTheKeys() async throws {
    let scene = try await ConversionScene.set()
    let (license, master) = (
      try await scene.bench.conversionLicense(scene.titles[0], in: scene.session), try scene.master()
    )
    let recording = Recording()
    let other = try await scene.bench.issueCard(purchaser: "B. Other")
    let volume = try LicensedVolume(opening: try DriveSession(RecordingDriveTransport(scene.disc.drive, recording)))
    func isWrite(_ event: Recording.Event) -> Bool {
      guard case .drive(let operation, _) = event else { return false }
      return [0x0A, 0x2A, 0xAA, 0x8A, 0x2E].contains(operation)
    }
    // Another card: the host says so by the licence, and the card itself would say it too.
    let session = try CopySession(volume: volume, card: other.card, anchor: scene.session.anchor)
    #expect(throws: LicensingError.self) { try session.copy(scene.titles[0], from: master) }
    let refusal = #expect(throws: CardError.self) {
      _ = try other.card.openConversionKeys(
        softwareID: license.softwareID, mediumID: license.mediumID, wrappedMediumKey: license.wrappedMediumKey,
        wrappedMasterKey: license.wrappedMasterKey)
    }
    #expect(refusal?.status == .securityStatusNotSatisfied)
    // No licence at all.
    let unlicensed = try CopySession(volume: volume, card: scene.card.card, anchor: scene.session.anchor)
    let error = #expect(throws: LicensingError.self) { try unlicensed.copy(scene.titles[1], from: master) }
    #expect(error?.code == .notLicensed)
    #expect(!recording.events.contains(where: isWrite))
    #expect(try volume.titles().isEmpty)
  }

  @Test func M14_copyIsTheContentUnderTheMediumsOwnKey() async throws {
    let scene = try await ConversionScene.set()
    let watch = PlaintextWatch(scene.disc.drive, needles: PlaintextWatch.needles(of: ConversionScene.contents[0]))
    let volume = try LicensedVolume(opening: try DriveSession(watch))
    let session = try CopySession(volume: volume, card: scene.card.card, anchor: scene.session.anchor)
    try await scene.bench.conversionLicense(scene.titles[0], in: session)
    var last = TransferProgress(.copying, done: 0, total: 0)
    let installed = try session.copy(scene.titles[0], from: try scene.master()) { progress in
      last = progress
      return true
    }
    #expect(last.done == last.total && last.total == installed.length)
    #expect(try session.shows(ConversionScene.contents[0], as: scene.titles[0]))
    // Not one write carried plaintext, and the copy is not the master's ciphertext either.
    #expect(watch.writtenOctets >= installed.length && !watch.sawPlaintext)
    let (copy, master) = (try ConversionScene.software(scene.titles[0], on: volume), try scene.sealed())
    #expect(copy.count == master.count)
    for start in stride(from: 0, to: copy.count - 64, by: 4096) {
      #expect(copy[start..<(start + 64)] != master[start..<(start + 64)])
    }
  }

  /// A sparse needle in any write would be found: the watch sees what a copy of plaintext would look like.
  @Test func M14_theWatchSeesPlaintext() throws {
    let content = ConversionScene.contents[0]
    let watch = PlaintextWatch(Silence(), needles: PlaintextWatch.needles(of: content))
    var none: [UInt8] = []
    let cdb: [UInt8] = [0x2A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let piece = Array(content[1_000_000..<1_600_000])
    var dataIn = none.mutableSpan
    var bytes = dataIn.mutableBytes
    _ = try watch.execute(cdb: cdb.span.bytes, dataOut: piece.span.bytes, dataIn: &bytes)
    #expect(watch.sawPlaintext)
  }

  /// What resuming stands on: the same file for the same medium becomes the same octets, another medium's others.
  @Test func M14_convertingAgainGivesTheSameOctets() async throws {
    let scene = try await ConversionScene.set()
    _ = try await scene.copied()
    let first = try ConversionScene.software(scene.titles[0], on: scene.disc.volume)
    try scene.session.copy(scene.titles[0], from: try scene.master())
    let isSame = try ConversionScene.software(scene.titles[0], on: scene.disc.volume) == first
    #expect(isSame)
    let other = try scene.bench.makeDisc("other.mo")
    let session = try scene.bench.session(scene.card, other)
    try await scene.bench.conversionLicense(scene.titles[0], in: session)
    try session.copy(scene.titles[0], from: try scene.master())
    let second = try ConversionScene.software(scene.titles[0], on: other.volume)
    #expect(second[1..<40] != first[1..<40] && second[40..<104] != first[40..<104])
    #expect(try session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// Two pressings of one title under the same key: nonces of the copies must differ, or their texts would meet.
  @Test func M14_anotherPressingIsAnotherStream() async throws {
    let scene = try await ConversionScene.set()
    _ = try await scene.copied()
    let first = try ConversionScene.software(scene.titles[0], on: scene.disc.volume)
    let again = try await pressAgain(scene)
    try scene.session.copy(scene.titles[0], from: try LicensedMaster(opening: again, anchor: scene.session.anchor))
    let second = try ConversionScene.software(scene.titles[0], on: scene.disc.volume)
    #expect(second[1..<40] != first[1..<40] && second[40..<104] != first[40..<104])
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  @Test(arguments: [0, 40, 100, 1 << 20, 2_500_000, -1]) func M14_damagedMasterIsNotCopied(_ place: Int) async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    var image = try Data(contentsOf: URL(fileURLWithPath: scene.masterPath))
    let sealed = Data(try scene.sealed())
    let file = try #require(image.range(of: sealed))
    image[place < 0 ? file.upperBound + place : file.lowerBound + place] ^= 0x20
    try image.write(to: URL(fileURLWithPath: scene.masterPath))
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master())
    }
    #expect(error?.code == .damaged)
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  /// A file that opens with the right key and is yet not the one that the centre signed is found by the catalogue.
  @Test func M14_authenticFileOfAnotherPressingIsNotCopied() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let again = try LicensedMaster(opening: try await pressAgain(scene), anchor: scene.session.anchor)
    let title = try #require(again.catalogue.title(scene.titles[0]))
    let other = Data(try again.disc.contents(of: title.path, limit: 8 << 20))
    var image = try Data(contentsOf: URL(fileURLWithPath: scene.masterPath))
    let file = try #require(image.range(of: Data(try scene.sealed())))
    #expect(other.count == file.count)
    image.replaceSubrange(file, with: other)
    try image.write(to: URL(fileURLWithPath: scene.masterPath))
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master())
    }
    #expect(error?.code == .damaged)
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  @Test func M14_cancelledConversionLeavesTheDiscAsItWas() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { _ in false }
    }
    #expect(error?.code == .cancelled)
    #expect(try scene.disc.volume.titles().isEmpty)
    try scene.session.copy(scene.titles[0], from: try scene.master())
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// Interrupted behind two of three pieces, a conversion goes on there: with keys opened anew, and the same octets.
  @Test func M14_interruptedConversionGoesOn() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let interruption = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.done < 2 << 20 }
    }
    #expect(interruption?.code == .cancelled)
    #expect(try scene.disc.volume.titles().isEmpty)
    let volume = try LicensedVolume(opening: try DriveSession(scene.disc.drive))
    let session = try CopySession(volume: volume, card: scene.card.card, anchor: scene.session.anchor)
    var copied: [UInt64] = []
    try session.copy(scene.titles[0], from: try scene.master()) { progress in
      if progress.activity == .copying { copied.append(progress.done) }
      return true
    }
    #expect(copied.count == 1, "only the third piece was wanted")
    #expect(try session.shows(ConversionScene.contents[0], as: scene.titles[0]))
    let software = try ConversionScene.software(scene.titles[0], on: volume)
    try session.copy(scene.titles[0], from: try scene.master())
    let isSame = try ConversionScene.software(scene.titles[0], on: volume) == software
    #expect(isSame)
  }

  /// What an earlier run copied is made once more, which takes its time: it is told, and can be cancelled.
  @Test func M14_catchingUpIsToldAndCanBeCancelled() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.done < 2 << 20 }
    }
    let cancelled = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.activity != .catchingUp }
    }
    #expect(cancelled?.code == .cancelled && cancelled?.remedy.contains("goes on behind") == true)
    #expect(try scene.disc.volume.titles().isEmpty)
    var caughtUp: [UInt64] = []
    try scene.session.copy(scene.titles[0], from: try scene.master()) { progress in
      if progress.activity == .catchingUp { caughtUp.append(progress.done) }
      return true
    }
    #expect(caughtUp.last ?? 0 >= 2 << 20)
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// What was interrupted from one master disc is not carried on from another: its pieces would be of another stream.
  @Test func M14_interruptedConversionStartsOverFromAnotherPressing() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.done < 2 << 20 }
    }
    let again = try LicensedMaster(opening: try await pressAgain(scene), anchor: scene.session.anchor)
    var copied = 0
    try scene.session.copy(scene.titles[0], from: again) { progress in
      copied += progress.activity == .copying ? 1 : 0
      return true
    }
    #expect(copied == 3)
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// And a master disc that was changed behind the interruption's back, in what is copied already, is noticed.
  @Test func M14_masterChangedBehindAnInterruptionIsNoticed() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.done < 2 << 20 }
    }
    var image = try Data(contentsOf: URL(fileURLWithPath: scene.masterPath))
    let file = try #require(image.range(of: Data(try scene.sealed())))
    image[file.lowerBound + 1_000] ^= 1
    try image.write(to: URL(fileURLWithPath: scene.masterPath))
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master())
    }
    #expect(error?.code == .damaged)
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  /// What a journal claims and the medium confirms may have been put there by anybody: it is not carried on from.
  @Test func M14_forgedInterruptionIsNoticed() async throws {
    let scene = try await ConversionScene.set()
    try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master()) { $0.done < 2 << 20 }
    }
    let volume = scene.disc.volume
    let copy = try #require(try volume.unfinishedCopies().first)
    func writer() throws(DiscError) -> TitleWriter {
      // By the check that converted titles have, else nobody would go on with it.
      try volume.resumableInstall(
        title: copy.softwareID, length: copy.length, source: copy.source, digest: .crc32c)
    }
    try writer().abandon()
    var forger = try writer()
    #expect(forger.nextSegment == 0)
    try [UInt8](repeating: 0x5A, count: 2 << 20).withUnsafeBytes { try forger.write($0) }
    #expect(try forger.suspend() == 2 << 20)

    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: try scene.master())
    }
    #expect(error?.code == .damaged)
    #expect(try volume.titles().isEmpty)
    // It is not met again.
    try scene.session.copy(scene.titles[0], from: try scene.master())
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// Titles of both profiles lie on one disc, each with its own kind of licence.
  @Test func bothProfilesShareADisc() async throws {
    let scene = try await ConversionScene.set()
    _ = try await scene.copied()
    let pressed = try await scene.bench.pressMaster("byCode.iso", [(scene.bench.folder("content-1"), .text)])
    try await scene.bench.license(pressed.titles[0], in: scene.session)
    let master = try LicensedMaster(opening: pressed.path, anchor: scene.session.anchor)
    try scene.session.copy(pressed.titles[0], from: master)
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
    #expect(try scene.session.shows(ConversionScene.contents[1], as: pressed.titles[0]))
    let error = #expect(throws: LicensingError.self) { try scene.session.certify(scene.titles[0]) }
    #expect(error?.code == .wrongProfile)
    #expect(try scene.session.titleLicense(for: pressed.titles[0]).profile == .certificate)
    // Only what authenticates itself on this medium does without SHA-256.
    let volume = scene.disc.volume
    let digests = try [scene.titles[0], pressed.titles[0]].map { try volume.open(title: $0).digest }
    #expect(digests == [.crc32c, .sha256])
  }

  /// Presses the first title once more; the same key, another stream.
  private func pressAgain(_ scene: ConversionScene) async throws -> String {
    let (bench, path) = (scene.bench, scene.bench.folder("again.iso"))
    let record = try await bench.center.titles.title(scene.titles[0])
    var press = try MasterPress(
      creating: path, name: "Again", center: bench.center.facts.centerID,
      catalogueCertificate: bench.center.facts.catalogueCertificate, time: bench.clock.now(), random: bench.random)
    try press.add(
      PressedTitle(
        softwareID: record.softwareID, name: record.name, version: record.version, type: record.type,
        price: record.price),
      contentKey: try await bench.center.titles.contentKey(of: record.softwareID), from: bench.folder("content-0"))
    let signed = try await bench.center.titles.sign(press.catalogue)
    try press.finish(signed)
    return path
  }
}

/// A way to a drive that looks for plaintext in everything that is written.
private final class PlaintextWatch: CDBTransport {
  private let transport: any CDBTransport
  private let needles: [Data]
  private(set) var writtenOctets: UInt64 = 0
  private(set) var sawPlaintext = false

  init(_ transport: any CDBTransport, needles: [Data]) {
    self.transport = transport
    self.needles = needles
  }

  /// Excerpts from all over a content, from every 256 KiB of it.
  static func needles(of content: Data) -> [Data] {
    stride(from: 0, to: content.count - 32, by: 256 << 10).map { content[$0..<($0 + 32)] }
  }

  func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    writtenOctets += UInt64(dataOut.byteCount)
    dataOut.withUnsafeBytes { bytes in
      let data = Data(bytes)
      sawPlaintext = sawPlaintext || needles.contains { data.range(of: $0) != nil }
    }
    return try transport.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
  }
}

/// A drive that says GOOD to everything.
private final class Silence: CDBTransport {
  func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome { CDBOutcome(status: .good) }
}
