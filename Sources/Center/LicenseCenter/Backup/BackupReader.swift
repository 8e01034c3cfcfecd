import Cryptography
import Foundation
import Octets
import SecureChannel

/// Reads the file of a backup, and believes nothing of it that is not authentic.
final class BackupReader: @unchecked Sendable {
  // Sendable: whoever has it lends it to one transaction at a time and waits for that.

  /// The sealed key store.
  let box: [UInt8]
  /// The keys in it.
  let keys: KeyStore
  private let operation: String
  private let file: FileHandle
  /// Where the stream's first segment begins.
  private let start: UInt64
  private let length: UInt64
  private let segments: UInt64
  private var opener: StreamOpener
  private var index: UInt64 = 0
  private var plain: [UInt8] = []
  private var position = 0

  init(path: String, passphrase: borrowing Secret, _ operation: String) throws {
    self.operation = operation
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw CenterError(.notFound, operation, remedy: "There is no such file to read; name the backup.")
    }
    self.file = file
    func take(_ count: Int) throws -> [UInt8] {
      guard let data = try file.read(upToCount: count), data.count == count else {
        throw BackupFormat.damaged(operation)
      }
      return Array(data)
    }
    func number() throws -> UInt32 { try take(4).reduce(0) { $0 << 8 | UInt32($1) } }
    let magic = try take(BackupFormat.magic.count)
    guard magic == BackupFormat.magic else { throw BackupFormat.damaged(operation) }
    let boxLength = try number()
    guard (1...UInt32(BackupFormat.boxLimit)).contains(boxLength) else { throw BackupFormat.damaged(operation) }
    let box = try take(Int(boxLength))
    let version = try number()
    self.box = box
    keys = try CenterFolder.unseal(box, passphrase: passphrase, operation)
    let offset = try file.offset()
    let end = try file.seekToEnd()
    length = end - offset
    try file.seek(toOffset: offset)
    let preface = magic + bigEndian(boxLength) + box + bigEndian(version)
    do {
      segments = try BackupFormat.parameters.segmentCount(ciphertextLength: length)
      let header = try take(StreamingAEAD.headerOctets)
      start = try file.offset()
      opener = try keys.withKey(.backup, version: version) { key in
        try StreamOpener(key: key, associatedData: preface, header: header, parameters: BackupFormat.parameters)
      }
    } catch is CryptoError {
      throw BackupFormat.damaged(operation)
    }
  }

  deinit { try? file.close() }

  /// Goes back to before the first record.
  func rewind() throws {
    try file.seek(toOffset: start)
    (index, plain, position) = (0, [], 0)
  }

  /// The next record; `nil` behind the last, when the whole stream was authentic.
  func next() throws -> (kind: BackupFormat.Kind, content: [UInt8])? {
    guard try fill(4) else {
      guard position == plain.count else { throw BackupFormat.damaged(operation) }
      return nil
    }
    let count = Int(plain[position..<(position + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    guard (1...BackupFormat.recordLimit).contains(count), try fill(4 + count),
      let kind = BackupFormat.Kind(rawValue: plain[position + 4])
    else { throw BackupFormat.damaged(operation) }
    let content = Array(plain[(position + 5)..<(position + 4 + count)])
    position += 4 + count
    return (kind, content)
  }

  /// Whether so many octets are there, opening segments until they are.
  private func fill(_ count: Int) throws -> Bool {
    while plain.count - position < count, index < segments {
      plain.removeSubrange(..<position)
      position = 0
      try openSegment()
    }
    return plain.count - position >= count
  }

  private func openSegment() throws {
    do {
      let range = try BackupFormat.parameters.ciphertextRange(ofSegment: UInt32(index), ciphertextLength: length)
      guard let sealed = try file.read(upToCount: range.count), sealed.count == range.count else {
        throw BackupFormat.damaged(operation)
      }
      var opened = [UInt8](repeating: 0, count: max(0, sealed.count - StreamingAEAD.tagOctets))
      try Array(sealed).withUnsafeBytes { ciphertext in
        try opened.withUnsafeMutableBytes { output in
          _ = try opener.open(segment: UInt32(index), ciphertext, isLast: index == segments - 1, into: output)
        }
      }
      plain += opened
      index += 1
    } catch is CryptoError {
      throw BackupFormat.damaged(operation)
    }
  }
}
