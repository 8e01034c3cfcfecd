import CenterServer
import Cryptography
import Formats
import Foundation
import Glibc
import Identifiers
import Testing

@testable import CenterClient
@testable import LicenseCenter

/// What a download keeps on the disk: the key of its request is the only way back to a code that was taken.
@Suite struct DownloadTests {
  private let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 * 31 >> 3) }

  private func redeem(
    _ code: RetrievalCode, into path: String, port: Int, time: Duration = .seconds(60),
    advance: @escaping (UInt64, UInt64) -> Bool = { _, _ in true }
  ) async throws -> RedeemedTitle {
    var patience = Patience.ofTests
    patience.retryTime = time
    return try await CenterClient.use(CenterAddress("http://127.0.0.1:\(port)"), patience: patience) {
      try await $0.redeem(code, into: path, advance: advance)
    }
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Whatever stands between, or the centre says of itself, code and octets are kept, and the download goes on.
  @Test func P17_aBusyCentreCostsNobodyACode() async throws {
    let bench = try await RelayBench()
    let code = try await bench.code(for: content)
    let path = bench.folder.appending(path: "title").path
    try await bench.serve { port in
      let stopped = await failure {
        _ = try await redeem(code, into: path, port: port) { done, _ in done < 1_000_000 }
      }
      #expect(stopped?.code == .cancelled)
      let part = try #require(FileManager.default.contents(atPath: path + ".part"))
      #expect(part.count >= 1_000_000)
      let key = try #require(FileManager.default.contents(atPath: path + ".redemption"))
      let problem = #"{"type": "urn:warifu:problem:unavailable", "detail": "Not now.", "request": "r"}"#
      let head = "\r\nRetry-After: 1\r\nContent-Length: \(problem.utf8.count)\r\n\r\n\(problem)"
      for answer in [
        "HTTP/1.1 503 No" + head, "HTTP/1.1 429 No" + head, "HTTP/1.1 500 No" + head,
        "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "",
      ] {
        let impostor = try Impostor(answer)
        defer { impostor.stop() }
        let error = await failure { _ = try await redeem(code, into: path, port: impostor.port, time: .zero) }
        #expect(error != nil && !exists(path), "\(answer)")
        #expect(FileManager.default.contents(atPath: path + ".redemption") == key, "\(answer)")
        #expect(FileManager.default.contents(atPath: path + ".part") == part, "\(answer)")
      }
      _ = try await redeem(code, into: path, port: port)
      // A first answer may have been lost before the one that says that the centre is busy: that code may be taken, too.
      let fresh = bench.folder.appending(path: "fresh").path
      let busy = try Impostor("HTTP/1.1 503 No" + head)
      defer { busy.stop() }
      let error = await failure { _ = try await redeem(code, into: fresh, port: busy.port, time: .zero) }
      #expect(error?.code == .problem("unavailable") && exists(fresh + ".redemption"))
    }
    #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
    #expect(!exists(path + ".part") && !exists(path + ".redemption"))
  }

  /// Another code for the same file, good or not, does not take the way back to the first one.
  @Test func P17_anotherCodeLeavesTheFirstOneItsDownload() async throws {
    let bench = try await RelayBench()
    let (code, other) = (try await bench.code(for: content), try await bench.soldCode())
    let path = bench.folder.appending(path: "title").path
    try await bench.serve { port in
      _ = await failure { _ = try await redeem(code, into: path, port: port) { done, _ in done < 1_000_000 } }
      for wrong in [other, RetrievalCode(from: bench.random)] {
        let error = await failure { _ = try await redeem(wrong, into: path, port: port) }
        #expect(error?.code == .problem("key-reused") && error?.remedy.contains("another code") == true)
      }
      // Even when the centre has forgotten what it answered.
      _ = try await bench.center.context.database.write { try $0.run("DELETE FROM idempotent_answers", []) }
      let error = await failure { _ = try await redeem(RetrievalCode(from: bench.random), into: path, port: port) }
      #expect(error?.code == .problem("refused"))
      _ = try await bench.center.context.database.write { try $0.run("DELETE FROM idempotent_answers", []) }
      _ = try await redeem(code, into: path, port: port)
      #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
      // What was refused at once leaves nothing behind.
      let fresh = bench.folder.appending(path: "fresh").path
      let refused = await failure { _ = try await redeem(code, into: fresh, port: port) }
      #expect(refused?.code == .problem("refused") && !exists(fresh + ".redemption"))
      _ = try await redeem(other, into: fresh, port: port)
    }
  }

  @Test func twoRunsDoNotWriteIntoEachOthersOctets() async throws {
    let bench = try await RelayBench()
    let code = try await bench.code(for: content)
    let path = bench.folder.appending(path: "title").path
    try await bench.serve { port in
      let descriptor = open(path + ".redemption", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      try #require(descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
      let error = await failure { _ = try await redeem(code, into: path, port: port) }
      #expect(error?.code == .file && error?.remedy.contains("Another run") == true)
      // A program that another test starts at this moment may have the descriptor still.
      flock(descriptor, LOCK_UN)
      close(descriptor)
      // An empty file of the key is what a run leaves that was killed before it sent anything.
      _ = try await redeem(code, into: path, port: port)
    }
    #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
  }

  /// A file that comes in the way while the download goes on: the code is used by then, and not lost.
  @Test func P17_aFileInTheWayAtTheEndIsToldAndMovedAway() async throws {
    let bench = try await RelayBench()
    let code = try await bench.code(for: content)
    let path = bench.folder.appending(path: "title").path
    try await bench.serve { port in
      let error = await failure {
        _ = try await redeem(code, into: path, port: port) { _, _ in
          symlink("nowhere", path) == 0 || errno == EEXIST
        }
      }
      #expect(error?.code == .file && error?.remedy.contains("move it away") == true)
      #expect(exists(path + ".part") && exists(path + ".redemption") && !exists(path + ".opening"))
      let again = await failure { _ = try await redeem(code, into: path, port: port) }
      #expect(again?.remedy.contains("move it away") == true)
      unlink(path)
      _ = try await redeem(code, into: path, port: port)
    }
    #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
  }

  /// A key file as large as a title is no key file, and is not taken into memory to find that out.
  @Test func aHugeKeyFileIsRefusedAtOnce() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-key-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let huge = folder.appending(path: "huge").path
    try Data().write(to: URL(filePath: huge))
    // A hole of a tebioctet: whoever reads all of it does not come back.
    try #require(truncate(huge, 1 << 40) == 0)
    let error = await failure {
      _ = try HandedOverTitle.open(download: huge, keyFile: huge, into: folder.appending(path: "out").path)
    }
    #expect(error?.code == .file && error?.remedy.contains("no key file") == true)
  }
}
