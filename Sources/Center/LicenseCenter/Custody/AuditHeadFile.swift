import CLinux
import Foundation

/// `audit.heads` in the centre's folder: signed heads of the audit log, one on a line, only ever appended to.
///
/// It lies outside the database, so that whoever can write only there cannot cut the log off or write it anew. A copy of
/// it on another machine shows even what somebody does who can write in the folder too.
struct AuditHeadFile: Sendable {
  let path: String

  /// Whether it is there.
  var exists: Bool { FileManager.default.fileExists(atPath: path) }

  /// Appends a head and syncs it. A line that a crash cut off stays as it is, ended here.
  func append(_ signed: SignedAuditHead) throws(CenterError) {
    let operation = "Keeping a head of the audit log"
    let descriptor = warifu_open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw AuditHeadFile.failure(operation) }
    defer { Foundation.close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    guard size >= 0 else { throw AuditHeadFile.failure(operation) }
    var last: UInt8 = 0x0A
    if size > 0, pread(descriptor, &last, 1, size - 1) != 1 { throw AuditHeadFile.failure(operation) }
    let line = Array(((last == 0x0A ? "" : "\n") + signed.line + "\n").utf8)
    // One write at the file's end: heads of several programs do not mix.
    guard write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else {
      throw AuditHeadFile.failure(operation)
    }
  }

  /// Every head, oldest first. A shorter line is what a crash left of one.
  ///
  /// - Throws: ``CenterError/Code/damaged`` for a line that the centre never wrote.
  func heads() throws(CenterError) -> [SignedAuditHead] { try parse(contents(from: 0)) }

  /// The last head; `nil` in a file without one.
  func last() throws(CenterError) -> SignedAuditHead? {
    // The last two lines, and what a crash may have left around them.
    let reach = 4 * (SignedAuditHead.lineLength + 1)
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    let tail = try contents(from: max(0, size - reach))
    // Reading may begin in the middle of a line, which is shorter then.
    return try parse(tail).last
  }

  private func contents(from offset: Int) throws(CenterError) -> [UInt8] {
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      try file.seek(toOffset: UInt64(offset))
      return Array(try file.readToEnd() ?? Data())
    } catch {
      throw CenterError(
        .damaged, "Reading the audit log's heads", remedy: "audit.heads is not to be read; restore it from a backup.")
    }
  }

  private func parse(_ octets: [UInt8]) throws(CenterError) -> [SignedAuditHead] {
    var heads: [SignedAuditHead] = []
    for line in octets.split(separator: 0x0A) where line.count >= SignedAuditHead.lineLength {
      guard let head = SignedAuditHead(line: String(decoding: line, as: UTF8.self)) else {
        throw CenterError(
          .damaged, "Reading the audit log's heads",
          remedy: "audit.heads has a line that no centre wrote; restore it from a backup.")
      }
      heads.append(head)
    }
    return heads
  }

  private static func failure(_ operation: String) -> CenterError {
    CenterError(.storage, operation, remedy: "The system says: \(String(cString: strerror(errno))).")
  }
}
