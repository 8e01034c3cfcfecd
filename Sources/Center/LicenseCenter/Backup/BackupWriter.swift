import CLinux
import Cryptography
import Foundation
import SecureChannel

/// Writes the file of a backup. It has its name only when it is whole and synced.
final class BackupWriter {
  private let path: String
  private let scratch: String
  private let operation: String
  private let descriptor: Int32
  private var sealer: StreamSealer
  private var pending: [UInt8] = []

  /// Begins a backup at `path`, where nothing may be.
  init(
    path: String, box: [UInt8], keyVersion: UInt32, key: borrowing Secret, random: any RandomSource, _ operation: String
  ) throws {
    self.path = path
    self.operation = operation
    scratch = path + ".part"
    let preface =
      BackupFormat.magic + bigEndian(UInt32(clamping: box.count)) + box + bigEndian(keyVersion)
    sealer = try StreamSealer(
      key: key, associatedData: preface, parameters: BackupFormat.parameters, random: random)
    unlink(scratch)
    descriptor = warifu_open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure() }
    try write(preface + sealer.header)
  }

  deinit {
    if descriptor >= 0 { Foundation.close(descriptor) }
    unlink(scratch)
  }

  func append(_ kind: BackupFormat.Kind, _ content: [UInt8]) throws {
    pending += bigEndian(UInt32(clamping: content.count + 1)) + [kind.rawValue] + content
    // The last segment is never empty.
    var start = 0
    while pending.count - start > sealer.nextCapacity {
      let end = start + sealer.nextCapacity
      try seal(start..<end, isLast: false)
      start = end
    }
    pending.removeSubrange(..<start)
  }

  /// Ends the backup and gives it its name.
  func finish() throws {
    try seal(0..<pending.count, isLast: true)
    guard fsync(descriptor) == 0, warifu_rename_new(scratch, path) == 0 else { throw failure() }
    let folder = warifu_open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC, 0)
    guard folder >= 0 else { throw failure() }
    defer { Foundation.close(folder) }
    guard fsync(folder) == 0 else { throw failure() }
  }

  private func seal(_ range: Range<Int>, isLast: Bool) throws {
    var sealed = [UInt8](repeating: 0, count: range.count + StreamingAEAD.tagOctets)
    try pending.withUnsafeBytes { plaintext in
      try sealed.withUnsafeMutableBytes { output in
        _ = try sealer.seal(UnsafeRawBufferPointer(rebasing: plaintext[range]), isLast: isLast, into: output)
      }
    }
    try write(sealed)
  }

  private func write(_ octets: [UInt8]) throws {
    var start = 0
    while start < octets.count {
      let count = octets.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure() }
      start += count
    }
  }

  private func failure() -> CenterError {
    CenterError(.storage, operation, remedy: "The system says: \(String(cString: strerror(errno))).")
  }
}
