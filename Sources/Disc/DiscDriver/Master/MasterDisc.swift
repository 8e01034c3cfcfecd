/// A master disc (M2) opened for reading: an ISO 9660 image, or a drive's device node with such a disc in it.
///
/// The directories are read and checked once, when the disc is opened; files are then read straight from their extents,
/// any range of them, at constant memory. Every number in the image is untrusted: what contradicts the standard or
/// reaches outside the image is refused with a ``MasterDiscError``. An instance may be used from any thread.
public final class MasterDisc: Sendable {
  /// A file on the disc.
  public struct File: Hashable, Sendable {
    /// The path from the disc's root, its parts joined by `/`.
    public let path: String
    /// Octets in the file.
    public let length: UInt64
    /// Whether it may be started from the disc (M2: the manager program).
    public let isExecutable: Bool
    /// Where it lies in the image, in octets, in the order of the content.
    public let extents: [Range<UInt64>]
  }

  /// The disc's name.
  public let volumeName: String
  /// Every file, ordered by path. Folders appear as parts of paths only; symbolic links are left out, never followed.
  public let files: [File]

  private let image: OpenFile

  /// Opens the image or device at `path` and reads its directories.
  public init(opening path: String) throws(MasterDiscError) {
    image = try OpenFile(reading: path)
    var parser = ISO9660Parser(imageLength: try image.size(), operation: "cannot open the master disc '\(path)'")
    try parser.parse(image)
    volumeName = parser.volumeName
    files = parser.files.sorted { $0.path < $1.path }
  }

  /// The file at `path`; `nil` if there is none.
  public func file(at path: String) -> File? {
    var low = 0
    var high = files.count
    while low < high {
      let middle = (low + high) / 2
      if files[middle].path < path { low = middle + 1 } else { high = middle }
    }
    return low < files.count && files[low].path == path ? files[low] : nil
  }

  /// The whole content of a small file.
  ///
  /// - Parameter limit: the most octets to read into memory; a larger file throws ``MasterDiscError/Code/tooLarge``.
  public func contents(of path: String, limit: Int) throws(MasterDiscError) -> [UInt8] {
    guard let file = file(at: path) else {
      throw MasterDiscError(
        .notFound, "there is no '\(path)' on the master disc '\(image.path)'", remedy: "use the disc that has it")
    }
    guard limit >= 0, file.length <= UInt64(limit) else {
      throw MasterDiscError(
        .tooLarge, "'\(path)' on the master disc '\(image.path)' has \(file.length) octets, \(limit) are allowed",
        remedy: "get an undamaged master disc")
    }
    var octets = [UInt8](repeating: 0, count: Int(file.length))
    _ = try octets.withMutableOctets { (all) throws(MasterDiscError) in try read(file, at: 0, into: all) }
    return octets
  }

  /// Fills `buffer` with the content of `file` from `offset` on, as far as the file reaches.
  ///
  /// - Returns: octets read: all that were asked for, fewer only at the end of the file, 0 beyond it.
  public func read(
    _ file: File, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MasterDiscError) -> Int {
    var skip = offset
    var done = 0
    for extent in file.extents {
      let length = UInt64(extent.count)
      guard skip < length else {
        skip -= length
        continue
      }
      let count = Int(min(length - skip, UInt64(buffer.count - done)))
      guard count > 0 else { break }
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)])
      guard try image.read(at: extent.lowerBound + skip, into: part) == count else {
        throw MasterDiscError(
          .truncated, "cannot read '\(file.path)' on the master disc '\(image.path)'",
          remedy: "the image became shorter; copy it again")
      }
      done += count
      skip = 0
    }
    return done
  }
}
