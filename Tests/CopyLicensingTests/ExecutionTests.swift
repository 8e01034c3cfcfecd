import CLinux
import CardDriver
import CopyLicensing
import DiscDriver
import DiscEmulator
import Formats
import Foundation
import Identifiers
import Testing
import WarifuTesting

/// Certified execution (M10): everything is checked again, and plaintext lives in sealed memory only.
@Suite struct ExecutionTests {
  private func copied() async throws -> CopyingTests.Scene {
    let scene = try await CopyingTests.Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    try scene.session.copy(scene.titles[0], from: scene.master)
    return scene
  }

  @Test func M10_contentIsDecryptedIntoSealedMemory() async throws {
    let scene = try await copied()
    let title = try scene.session.open(scene.titles[0])
    #expect(title.title.type == .program)
    let memory = try title.sealedMemory()
    #expect(memory.octets == UInt64(CopyingTests.content.count))
    // F_SEAL_SEAL, SHRINK, GROW and WRITE: nobody can change it any more, not even this process.
    #expect(warifu_seals(memory.descriptor) & 0x0F == 0x0F)
    #expect(pwrite(memory.descriptor, "x", 1, 0) == -1)
    let content = try Data(contentsOf: URL(fileURLWithPath: "/proc/self/fd/\(memory.descriptor)"))
    #expect(content == CopyingTests.content)
  }

  @Test func M10_contentGoesToADescriptor() async throws {
    let scene = try await copied()
    let title = try scene.session.open(scene.titles[0])
    let path = scene.bench.folder("out")
    let descriptor = warifu_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
    defer { close(descriptor) }
    try title.write(to: descriptor)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == CopyingTests.content)
  }

  @Test func M10_movedDiscIsRefused() async throws {
    let scene = try await copied()
    let other = try scene.bench.makeDisc("other.mo")
    try copyDataArea(from: scene.disc.path, to: other.path)
    let moved = try LicensedVolume(opening: try DriveSession(other.drive))
    #expect(moved.isForeign)
    let session = try CopySession(volume: moved, card: scene.card.card, anchor: scene.session.anchor)
    let error = #expect(throws: LicensingError.self) { _ = try session.open(scene.titles[0]) }
    #expect(error?.code == .wrongMedium)
    // The card says the same when the host looks away: it is shown the id that the drive reads.
    let installed = try #require(moved.licence(for: scene.titles[0]))
    let license = try CopyLicense.open(installed.octets.span.bytes, under: scene.session.anchor.licenseKey)
    var certificate = CertificateVariants.certificate(license)
    certificate.mediumID = moved.identity.id
    #expect(throws: (any Error).self) {
      _ = try scene.card.card.releaseContentKey(certificate, wrappedContentKey: license.wrappedContentKey)
    }
  }

  @Test func M10_licenseAlteredByHandIsRefused() async throws {
    let scene = try await copied()
    let installed = try #require(scene.disc.volume.licence(for: scene.titles[0]))
    for index in stride(from: 0, to: installed.octets.count, by: 7) {
      var altered = installed.octets
      altered[index] ^= 0x10
      try scene.disc.volume.install(licence: altered, for: scene.titles[0])
      #expect(throws: LicensingError.self, "octet \(index)") { _ = try scene.session.open(scene.titles[0]) }
    }
    try scene.disc.volume.install(licence: installed.octets, for: scene.titles[0])
    _ = try scene.session.open(scene.titles[0])
  }

  @Test func M10_expiredLicenseIsRefusedByTheCard() async throws {
    let scene = try await CopyingTests.Scene.set()
    let expiry = scene.bench.clock.now() + 1_000
    try await scene.bench.license(scene.titles[0], in: scene.session, terms: LicenseTerms(expiry: expiry))
    try scene.session.copy(scene.titles[0], from: scene.master)
    _ = try scene.session.open(scene.titles[0])
    scene.bench.clock.advance(by: 2_000)
    try await scene.bench.setTime(scene.card)
    let error = #expect(throws: LicensingError.self) { _ = try scene.session.open(scene.titles[0]) }
    #expect(error?.code == .expired)
  }

  @Test func M10_damagedContentIsNotShown() async throws {
    let scene = try await copied()
    var image = try Data(contentsOf: URL(fileURLWithPath: scene.disc.path))
    let title = try #require(scene.master.catalogue.title(scene.titles[0]))
    let file = try #require(scene.master.disc.file(at: title.path))
    var sealed = [UInt8](repeating: 0, count: 512)
    _ = try sealed.withUnsafeMutableBytes { try scene.master.disc.read(file, at: 2_000_000, into: $0) }
    let place = try #require(image.range(of: Data(sealed)))
    image[place.lowerBound + 5] ^= 1
    try overwrite(scene.disc.path, at: place.lowerBound + 5, with: image[place.lowerBound + 5])
    let opened = try scene.session.open(scene.titles[0])
    let error = #expect(throws: LicensingError.self) { _ = try opened.sealedMemory() }
    #expect(error?.code == .damaged)
  }

  private func copyDataArea(from source: String, to target: String) throws {
    let offset = UInt64(EmulatedDisc.dataOffset)
    let from = try FileHandle(forReadingFrom: URL(fileURLWithPath: source))
    let to = try FileHandle(forWritingTo: URL(fileURLWithPath: target))
    try from.seek(toOffset: offset)
    try to.seek(toOffset: offset)
    while let piece = try from.read(upToCount: 1 << 20), !piece.isEmpty { try to.write(contentsOf: piece) }
  }

  private func overwrite(_ path: String, at offset: Int, with octet: UInt8) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: [octet])
  }
}
