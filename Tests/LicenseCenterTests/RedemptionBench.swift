import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// A centre with a published title and codes for it, and what clients do.
final class RedemptionBench: Sendable {
  nonisolated(unsafe) let test: TestCenter
  let center: Center
  let clock: StandingClock
  let title: TitleRecord
  let plaintext: [UInt8]
  let codes: [RetrievalCode]

  init(codes count: UInt16 = 3, octets: Int = 3000, conditions: CodeConditions = .standard) async throws {
    let test = try await TestCenter()
    self.test = test
    center = test.center
    clock = test.clock
    title = try await test.issuedCardAndTitle(maximumCodes: 100_000)
    plaintext = SeededRandom(seed: 9).octets(octets)
    codes = try await center.rightsSeller.sell(
      SealSheetOrder(
        operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: count,
        url: "https://shop.example/redeem", conditions: conditions)
    ).codes
    try await publish(plaintext)
  }

  func publish(_ content: [UInt8], to store: TitleStore? = nil) async throws {
    let path = test.folder.appending(path: "plain-\(UUID().uuidString)").path
    try Data(content).write(to: URL(filePath: path))
    _ = try await (store ?? center.titleStore).publish(title.softwareID, from: path)
  }

  func key() -> IdempotencyKey {
    guard let key = IdempotencyKey(octets: SystemRandom().octets(16)) else { preconditionFailure("16 octets") }
    return key
  }

  /// Somebody of whom nothing is known begins.
  func begin(_ code: RetrievalCode, _ key: IdempotencyKey? = nil) async throws -> DownloadGrant? {
    let answer = try await center.redemption.begin(RedemptionRequest(code: code, key: key ?? self.key()))
    guard case .granted(let grant) = answer else {
      #expect(answer == .refused)
      return nil
    }
    return grant
  }

  /// A code's seat, which must be free.
  func begun(_ code: RetrievalCode) async throws -> DownloadGrant {
    try #require(try await begin(code))
  }

  /// Downloads from `start` on in ranges of `step` octets, each acknowledged, and answers the octets.
  func download(_ grant: DownloadGrant, from start: UInt64 = 0, to end: UInt64? = nil, step: UInt64 = 1000) async throws
    -> [UInt8]
  {
    var octets: [UInt8] = []
    var position = start
    let end = end ?? grant.octets
    while position < end {
      let range = position..<min(position + step, end)
      let slice = try await center.redemption.open(grant.ticket, range: range)
      while position < range.upperBound {
        let piece = try slice.read(at: position, upTo: 700)
        octets += piece
        position += UInt64(piece.count)
      }
      if position < grant.octets { _ = try await center.redemption.acknowledge(grant.ticket, upTo: position) }
    }
    return octets
  }

  /// Says that everything arrived, and answers the plaintext.
  func finish(_ grant: DownloadGrant, _ sealed: [UInt8]) async throws -> [UInt8] {
    let progress = try await center.redemption.acknowledge(grant.ticket, upTo: grant.octets)
    let wrapped = try #require(progress.wrappedContentKey)
    let key = try DownloadContent.unwrap(wrapped, for: grant.ticket, grant.softwareID)
    return try DownloadContent.parameters.open(
      sealed, key: key, associatedData: DownloadContent.associatedData(grant.softwareID)
    ).withBytes { $0.octets }
  }

  func state(_ code: RetrievalCode) async throws -> CodeSaleState? {
    try await center.rightsSeller.record(of: code)?.state
  }
}
