import CLinux
import Foundation

/// A range of a sealed file, open for reading in pieces: never more of it is in memory than its reader asks for.
public final class TitleSlice: Sendable {
  /// The most octets in one piece.
  public static let largestPiece = 1 << 20
  private static let operation = "Reading a title's sealed file"

  /// Which octets of the file may be read.
  public let range: Range<UInt64>
  private let descriptor: Int32

  /// Opens a file that must have so many octets.
  init(path: String, octets: UInt64, range: Range<UInt64>) throws(CenterError) {
    let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
    var information = stat()
    guard descriptor >= 0, fstat(descriptor, &information) == 0, UInt64(clamping: information.st_size) == octets,
      range.upperBound <= octets
    else {
      if descriptor >= 0 { close(descriptor) }
      throw CenterError(
        .damaged, TitleSlice.operation, remedy: "The file is missing or was changed; publish the title again.")
    }
    self.range = range
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Octets from `offset` on: as many as the range has, up to `count` and up to ``largestPiece``; none at its end.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for an offset outside of the range, ``CenterError/Code/storage``.
  public func read(at offset: UInt64, upTo count: Int = largestPiece) throws(CenterError) -> [UInt8] {
    guard range.contains(offset) || offset == range.upperBound, count >= 0 else {
      throw CenterError(.invalid, TitleSlice.operation, remedy: "Ask for octets inside of the range.")
    }
    let wanted = Int(min(UInt64(min(count, TitleSlice.largestPiece)), range.upperBound - offset))
    var isComplete = true
    let octets = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      while filled < wanted {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + filled }, wanted - filled, off_t(offset) + off_t(filled))
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        filled += got
      }
      isComplete = filled == wanted
    }
    guard isComplete else {
      throw CenterError(.storage, TitleSlice.operation, remedy: "Check the disk and the centre's folder.")
    }
    return octets
  }
}
