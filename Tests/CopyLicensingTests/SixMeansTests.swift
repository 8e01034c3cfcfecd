import CardDriver
import CardProtocol
import CopyLicensing
import Cryptography
import DiscDriver
import Formats
import Identifiers
import LicenseCenter
import SCSI
import Testing
import WarifuTesting

/// Fig 1: six means between two media, a card and the centre, in the order in which they act (M1).
@Suite struct SixMeansTests {
  private func isWrite(_ event: Recording.Event) -> Bool {
    guard case .drive(let operation, _) = event else { return false }
    return [0x0A, 0x2A, 0xAA, 0x8A, 0x2E].contains(operation)
  }

  private func isIdentityRead(_ event: Recording.Event) -> Bool {
    event == .drive(operation: 0xAB, serviceAction: 0x01)
  }

  private func isComparison(_ event: Recording.Event) -> Bool {
    event == .card(ins: Instruction.certifyCopy.rawValue, p1: 0, p2: 0)
  }

  @Test func M1_sixMeansActInTheirOrder() async throws {
    let scene = try await CopyingTests.Scene.set(seed: 21)
    let recording = Recording()
    let connection = try CardConnection(RecordingCardTransport(scene.card.emulator, recording))
    let card = try WarifuCard(connection)
    recording.clear()

    // Means 2 and 4: the software id from the master, the medium id from the target.
    let title = try #require(scene.master.catalogue.titles.first).softwareID
    let volume = try LicensedVolume(opening: try DriveSession(RecordingDriveTransport(scene.disc.drive, recording)))
    #expect(recording.events.contains(where: isIdentityRead))
    #expect(!recording.events.contains(where: isWrite))
    let session = try CopySession(volume: volume, card: card, anchor: scene.session.anchor)
    let operation = try #require(OperationID(octets: scene.bench.random.octets(16)))
    let request = try session.request(for: title, operationID: operation)
    #expect(request.softwareID == title && request.mediumID == volume.identity.id)

    // Means 6: the centre generates the first signature; neither medium nor card is touched by that.
    recording.clear()
    let license = try await scene.bench.center.copyLicenses.license(request)
    #expect(recording.events.isEmpty)

    // Means 7: it is written to the target medium, and the card has not been asked yet.
    try session.install(license)
    #expect(recording.events.contains(where: isWrite))
    #expect(!recording.events.contains(where: isComparison))

    // Means 8 before means 9: the card generates and compares the second signature before anything is copied.
    recording.clear()
    try session.copy(title, from: scene.master)
    let comparison = try #require(recording.events.firstIndex(where: isComparison))
    let firstWrite = try #require(recording.events.firstIndex(where: isWrite))
    #expect(comparison < firstWrite)
    #expect(try volume.titles().map(\.softwareID) == [title])
  }
}
