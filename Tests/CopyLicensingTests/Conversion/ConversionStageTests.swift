import CardDriver
import Cryptography
import DiscDriver
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel
import Testing
import WarifuTesting

@testable import CopyLicensing

/// Conversion piece by piece: what a copy that is carried on stands on (M14).
@Suite struct ConversionStageTests {
  /// What one run of the pipeline gives from the piece `first` on, up to before `end`; `front` is the digest of the pieces
  /// before.
  private func convert(
    _ scene: ConversionScene, _ license: ConversionLicense, from first: UInt64 = 0, behind front: [UInt8] = [],
    to end: UInt64? = nil
  ) throws -> (octets: [UInt8], digest: [UInt8], way: WayToCopy) {
    let master = try scene.master()
    let (_, file) = try master.title(scene.titles[0], "test")
    let way = try scene.session.wayToCopy(.conversion(license), file, on: master.disc)
    #expect(try way.catchUp(to: first, file, on: master.disc, written: front, withoutProgress, "test"))
    var (octets, digests): ([UInt8], [[UInt8]]) = ([], [])
    let pipeline = TitlePipeline(file: file, disc: master.disc, stages: way.stages, digest: way.digest)
    try pipeline.run(from: first, to: end) { (piece, digest) throws(LicensingError) in
      #expect(way.digest.digest(of: piece) == digest)
      octets += piece
      digests.append(digest)
    }
    return (octets, PieceDigest.combining(digests), way)
  }

  /// Stopped behind any piece and carried on by somebody who opens the keys anew: the same octets as in one run, and the
  /// master's digest over all of it.
  @Test(arguments: [0, 1, 2, 3] as [UInt64]) func M14_anyPieceIsAPlaceToGoOnFrom(_ stop: UInt64) async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let whole = try convert(scene, license)
    let front = try convert(scene, license, to: stop)
    let back = try convert(scene, license, from: stop, behind: front.digest)
    let isSame = front.octets + back.octets == whole.octets
    #expect(isSame)
    let title = try #require(try scene.master().catalogue.title(scene.titles[0]))
    #expect(whole.way.isWhole(title, written: []) && back.way.isWhole(title, written: []))
  }

  /// A journal of a copy under another key, or from another master disc, is no journal of this one.
  @Test func M14_sourceStandsForKeyAndStream() async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let title = try #require(try scene.master().catalogue.title(scene.titles[0]))
    let source = try convert(scene, license, to: 0).way.source(title)
    #expect(try convert(scene, license, to: 0).way.source(title) == source)
    #expect(WayToCopy.unchanged.source(title) == title.ciphertextDigest && source != title.ciphertextDigest)
    var pressedAgain = title
    pressedAgain.ciphertextDigest[0] ^= 1
    #expect(try convert(scene, license, to: 0).way.source(pressedAgain) != source)
    let other = try scene.bench.makeDisc("other.mo")
    let session = try scene.bench.session(scene.card, other)
    let elsewhere = try await scene.bench.conversionLicense(scene.titles[0], in: session)
    let master = try scene.master()
    let (_, file) = try master.title(scene.titles[0], "test")
    #expect(try session.wayToCopy(.conversion(elsewhere), file, on: master.disc).source(title) != source)
  }

  /// A piece in another place, cut, or in the last one's place is not converted.
  @Test func M14_pieceOutOfPlaceIsRefused() async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let sealed = try scene.sealed()
    let worker = try #require(try convert(scene, license, to: 0).way.stages.first).worker()
    func process(_ octets: ArraySlice<UInt8>, _ index: UInt32, isLast: Bool) throws {
      var piece = Array(octets)
      try piece.withUnsafeMutableBytes {
        try worker.process(TitlePiece(index: index, isLast: isLast, octets: $0))
      }
    }
    let second = sealed[(1 << 20)..<(2 << 20)]
    try process(second, 1, isLast: false)
    for (octets, index, isLast) in [
      (second, 2, false), (second, 1, true), (second.dropLast(), 1, false), (second, 0, false),
      (sealed[..<40], 0, true),
      (sealed[..<0], 0, true), (sealed[..<0], 1, true), (sealed[(2 << 20)...], 2, false),
    ] as [(ArraySlice<UInt8>, UInt32, Bool)] {
      #expect(throws: LicensingError.self, "\(index)") { try process(octets, index, isLast: isLast) }
    }
  }
}
