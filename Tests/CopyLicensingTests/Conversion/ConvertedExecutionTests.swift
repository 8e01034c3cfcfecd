import CardDriver
import CopyLicensing
import Cryptography
import DiscDriver
import DiscEmulator
import Formats
import Foundation
import ISO7816
import Identifiers
import SecureChannel
import Testing
import WarifuTesting

/// Fig 10 of the seeds (M15): a copy runs from its own medium, and is noise anywhere else.
@Suite struct ConvertedExecutionTests {
  @Test func M15_copyRunsFromItsOwnMedium() async throws {
    let scene = try await ConversionScene.set()
    _ = try await scene.copied()
    let title = try scene.session.open(scene.titles[0])
    #expect(title.title.type == .video)
    #expect(try scene.session.shows(ConversionScene.contents[0], as: scene.titles[0]))
    // The medium again in the drive, and a card just inserted: nothing is remembered from the copying.
    let volume = try LicensedVolume(opening: try DriveSession(scene.disc.drive))
    let card = try WarifuCard(try CardConnection(scene.card.emulator))
    let session = try CopySession(volume: volume, card: card, anchor: scene.session.anchor)
    #expect(try session.shows(ConversionScene.contents[0], as: scene.titles[0]))
  }

  /// All that is on the disc on another one: the volume is foreign, the licence is not for it, and the card, shown the id
  /// of the medium that is there, opens nothing.
  @Test func M15_sameBitsOnAnotherMediumAreRefused() async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.copied()
    let other = try scene.bench.makeDisc("other.mo")
    try copyDataArea(from: scene.disc.path, to: other.path)
    let moved = try LicensedVolume(opening: try DriveSession(other.drive))
    #expect(moved.isForeign)
    let session = try CopySession(volume: moved, card: scene.card.card, anchor: scene.session.anchor)
    let error = #expect(throws: LicensingError.self) { _ = try session.open(scene.titles[0]) }
    #expect(error?.code == .wrongMedium)
    let refusal = #expect(throws: CardError.self) {
      _ = try scene.card.card.openConversionKey(
        mediumID: moved.identity.id, wrappedMediumKey: license.wrappedMediumKey)
    }
    #expect(refusal?.status == .securityStatusNotSatisfied)
  }

  /// Somebody moves the software onto another disc and buys a licence for the title there: that disc's Ku is another
  /// key, and what it makes of the software is rejected, not run.
  @Test func M15_anotherMediumsKeyGivesGarbageAndItIsRejected() async throws {
    let scene = try await ConversionScene.set()
    _ = try await scene.copied()
    let software = try ConversionScene.software(scene.titles[0], on: scene.disc.volume)
    let information = try scene.disc.volume.open(title: scene.titles[0]).information
    let other = try scene.bench.makeDisc("other.mo")
    let session = try scene.bench.session(scene.card, other)
    try await scene.bench.conversionLicense(scene.titles[0], in: session)
    var writer = try other.volume.install(
      title: scene.titles[0], length: UInt64(software.count), information: information)
    try software.withUnsafeBytes { try writer.write($0) }
    try writer.commit()
    let opened = try session.open(scene.titles[0])
    let error = #expect(throws: LicensingError.self) { _ = try opened.sealedMemory() }
    #expect(error?.code == .damaged)
    // Nor does the master's own ciphertext run from a medium: Ka is not what a copy is opened with.
    let sealed = try scene.sealed()
    var second = try other.volume.install(
      title: scene.titles[0], length: UInt64(sealed.count), information: information)
    try sealed.withUnsafeBytes { try second.write($0) }
    try second.commit()
    let unconverted = try session.open(scene.titles[0])
    #expect(throws: LicensingError.self) { _ = try unconverted.sealedMemory() }
  }

  @Test func M15_changedLicenceOpensNothing() async throws {
    let scene = try await ConversionScene.set()
    let octets = try await scene.copied().encoded
    for index in stride(from: 0, to: octets.count, by: 7) {
      var changed = octets
      changed[index] ^= 0x10
      try scene.disc.volume.install(licence: changed, for: scene.titles[0])
      #expect(throws: LicensingError.self, "octet \(index)") { _ = try scene.session.open(scene.titles[0]) }
    }
    try scene.disc.volume.install(licence: octets, for: scene.titles[0])
    _ = try scene.session.open(scene.titles[0])
  }

  private func copyDataArea(from source: String, to target: String) throws {
    let offset = UInt64(EmulatedDisc.dataOffset)
    let from = try FileHandle(forReadingFrom: URL(fileURLWithPath: source))
    let to = try FileHandle(forWritingTo: URL(fileURLWithPath: target))
    try from.seek(toOffset: offset)
    try to.seek(toOffset: offset)
    while let piece = try from.read(upToCount: 1 << 20), !piece.isEmpty { try to.write(contentsOf: piece) }
  }
}
