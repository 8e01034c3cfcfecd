import CLinux
import Cryptography
import Formats
import Foundation
import Identifiers

/// Seals a plaintext file into the store: under another name first, and under its own when all of it is on the disk. As
/// long as the value is there, nobody takes the sealed file for one that is left over.
struct SealedTitleFile: ~Copyable {
  private static let operation = "Publishing the title"

  private let source: Int32
  private let length: UInt64
  private var sealed: ScratchFile
  private let softwareID: SoftwareID
  private let random: any RandomSource

  /// Opens the plaintext.
  init(
    of softwareID: SoftwareID, from source: String, in folder: String, name: String, _ random: any RandomSource
  ) throws(CenterError) {
    // Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
    let descriptor = warifu_open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    var information = stat()
    guard descriptor >= 0, fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      if descriptor >= 0 { close(descriptor) }
      throw CenterError(
        .invalid, SealedTitleFile.operation, remedy: "\(source) is no file that can be read; check the path.")
    }
    do throws(CenterError) {
      sealed = try ScratchFile(folder + "/" + name, suffix: ".new", SealedTitleFile.operation)
    } catch {
      close(descriptor)
      throw error
    }
    self.source = descriptor
    length = UInt64(clamping: information.st_size)
    self.softwareID = softwareID
    self.random = random
  }

  deinit { close(source) }

  /// Writes the sealed file and syncs it; answers its octets and ``PieceDigest``.
  mutating func write(under key: borrowing Secret) throws(CenterError) -> (octets: UInt64, digest: [UInt8]) {
    do {
      let result = try seal(under: key)
      try sealed.finish(replacing: true)
      return result
    } catch {
      throw CenterError(error, during: SealedTitleFile.operation)
    }
  }

  private func seal(under key: borrowing Secret) throws -> (UInt64, [UInt8]) {
    let parameters = DownloadContent.parameters
    var sealer = try StreamSealer(
      key: key, associatedData: DownloadContent.associatedData(softwareID), parameters: parameters, random: random)
    var digest = PieceDigest()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: parameters.segmentOctets, alignment: 16)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: sealer.header)
    var piece = UnsafeRawBufferPointer(rebasing: buffer[..<sealer.header.count])
    digest.update(piece)
    try sealed.write(piece)
    var written = UInt64(piece.count)
    var done: UInt64 = 0
    repeat {
      let wanted = Int(min(UInt64(sealer.nextCapacity), length - done))
      let plaintext = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      try read(at: done, into: plaintext)
      done += UInt64(wanted)
      let count = try sealer.seal(UnsafeRawBufferPointer(plaintext), isLast: done == length, into: buffer)
      piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      digest.update(piece)
      try sealed.write(piece)
      written += UInt64(count)
    } while done < length
    return (written, digest.finalize())
  }

  private func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(CenterError) {
    var filled = 0
    while filled < buffer.count {
      let count = pread(
        source, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, off_t(offset) + off_t(filled))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw CenterError(
          .invalid, SealedTitleFile.operation, remedy: "The file changed while it was read; try again when it rests.")
      }
      filled += count
    }
  }
}
