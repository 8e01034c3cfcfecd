import CopyLicensing
import DiscDriver
import Glibc
import Testing
import WarifuTesting

/// Copying through several lanes at once.
@Suite struct PipelineTests {
  @Test func M8_masterThatBecomesShorterLeavesTheDiscAsItWas() async throws {
    let scene = try await CopyingTests.Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    let image = scene.bench.folder("master.iso")
    try #require(truncate(image, 2_000_000) == 0)
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: scene.master)
    }
    guard case .master(let cause)? = error?.code else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(cause.code == .truncated)
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  @Test(arguments: [1, 2, 3]) func M8_cancellingAtAnyPieceEndsTheReading(piece: Int) async throws {
    let scene = try await CopyingTests.Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    var pieces = 0
    let error = #expect(throws: LicensingError.self) {
      try scene.session.copy(scene.titles[0], from: scene.master) { _ in
        pieces += 1
        return pieces < piece
      }
    }
    #expect(error?.code == .cancelled)
    #expect(try scene.disc.volume.titles().isEmpty)
    try scene.session.copy(scene.titles[0], from: scene.master)
    #expect(try scene.disc.volume.titles().map(\.softwareID) == [scene.titles[0]])
  }
}
