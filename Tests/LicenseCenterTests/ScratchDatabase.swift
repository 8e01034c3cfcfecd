import Foundation

@testable import LicenseCenter

/// A database of its own, which goes with the value.
final class ScratchDatabase: Sendable {
  let path = FileManager.default.temporaryDirectory.appending(path: "warifu-database-\(UUID().uuidString)").path
  let database: any Database

  init() async throws {
    database = try await SQLiteDatabase(path: path)
  }

  deinit {
    try? database.close()
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }
}
