import Cryptography
import Foundation
import PostgresRig
import Testing

@testable import LicenseCenter

/// A clock during which a folder that is not empty comes to be in somebody's way. A folder that is being made asks for the
/// time after it has seen its place free, and before it takes it.
struct ObstructingClock: CenterClock {
  let path: String
  let clock: StandingClock

  func now() -> UInt64 {
    try? FileManager.default.createDirectory(atPath: path + "/taken", withIntermediateDirectories: true)
    return clock.now()
  }
}

/// A centre's folder whose database is on a server.
@Suite struct ServerFolderTests {
  private func onServer() async throws -> TestCenter {
    try await Engine.$current.withValue(.postgreSQL) { try await TestCenter() }
  }

  private func create(
    _ test: TestCenter, _ path: String, in location: DatabaseLocation, clock: (any CenterClock)? = nil
  ) async throws {
    _ = try await CenterFolder.create(
      at: path, name: "Other", passphrase: Secret(copying: [1, 2, 3]), cost: .test, database: location,
      random: test.random, clock: clock ?? test.clock)
  }

  @Test func folderHoldsNoDatabase() async throws {
    let test = try await onServer()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: test.path).sorted()
        == ["audit.heads", "center.json", "keys.sealed"])
    // Whoever forgets the server is told that there is nothing here.
    await expectFailure(.damaged) {
      _ = try await CenterFolder(test.path).open(
        passphrase: Secret(copying: TestCenter.passphrase), random: test.random, clock: test.clock)
    }
  }

  @Test func databaseOfAnotherCentreIsRefused() async throws {
    let (test, other) = (try await onServer(), try await onServer())
    let path = test.folder.appending(path: "new").path
    await expectFailure(.conflict) { try await create(test, path, in: test.room.location) }
    #expect(!FileManager.default.fileExists(atPath: path))
    await expectFailure(.damaged) {
      _ = try await CenterFolder(test.path).open(
        passphrase: Secret(copying: TestCenter.passphrase), database: other.room.location, random: test.random,
        clock: test.clock)
    }
    _ = try await test.center.verify()
  }

  /// Each instance has a copy of the folder: a key is made in one of them, and not another one in the next.
  @Test func copiesOfAFolderMakeNoTwoKeysOfOneVersion() async throws {
    let test = try await onServer()
    let copy = test.folder.path + "/copy"
    try FileManager.default.copyItem(atPath: test.path, toPath: copy)
    func rotate(_ path: String) async throws -> UInt32 {
      try await CenterFolder(path).rotate(
        .codePepper, passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location,
        random: test.random, clock: test.clock)
    }
    #expect(try await rotate(test.path) == 2)
    await expectFailure(.conflict) { _ = try await rotate(copy) }
    try FileManager.default.removeItem(atPath: copy + "/keys.sealed")
    try FileManager.default.copyItem(atPath: test.path + "/keys.sealed", toPath: copy + "/keys.sealed")
    #expect(try await rotate(copy) == 3)
    _ = try await test.center.verify()
  }

  /// The folder cannot get its name: the database is free for the next centre.
  @Test func failedCreationLeavesTheDatabaseEmpty() async throws {
    let test = try await onServer()
    let room = try Engine.$current.withValue(.postgreSQL) { try ScratchLocation() }
    let path = test.folder.appending(path: "new").path
    let database = try await room.open()
    defer { try? database.close() }
    await expectFailure(.storage) {
      try await create(test, path, in: room.location, clock: ObstructingClock(path: path, clock: test.clock))
    }
    #expect(FileManager.default.fileExists(atPath: path + "/taken"))
    #expect(try await database.read { try $0.run("SELECT 1 FROM audit_log") }.isEmpty)
    try FileManager.default.removeItem(atPath: path)
    try await create(test, path, in: room.location)
  }
}
