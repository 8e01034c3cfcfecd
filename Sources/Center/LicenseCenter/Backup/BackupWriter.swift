import Cryptography
import SecureChannel

/// Writes the file of a backup. It has its name only when it is whole and synced.
final class BackupWriter {
  private var file: ScratchFile
  private var sealer: StreamSealer
  private var pending: [UInt8] = []

  /// Begins a backup at `path`, where nothing may be.
  init(
    path: String, box: [UInt8], keyVersion: UInt32, key: borrowing Secret, random: any RandomSource, _ operation: String
  ) throws {
    let preface =
      BackupFormat.magic + bigEndian(UInt32(clamping: box.count)) + box + bigEndian(keyVersion)
    sealer = try StreamSealer(
      key: key, associatedData: preface, parameters: BackupFormat.parameters, random: random)
    file = try ScratchFile(path, suffix: ".part", operation)
    try file.write(preface + sealer.header)
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
    try file.finish(replacing: false)
  }

  private func seal(_ range: Range<Int>, isLast: Bool) throws {
    var sealed = [UInt8](repeating: 0, count: range.count + StreamingAEAD.tagOctets)
    try pending.withUnsafeBytes { plaintext in
      try sealed.withUnsafeMutableBytes { output in
        _ = try sealer.seal(UnsafeRawBufferPointer(rebasing: plaintext[range]), isLast: isLast, into: output)
      }
    }
    try file.write(sealed)
  }
}
