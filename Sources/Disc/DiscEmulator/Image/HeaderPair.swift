import DriveFirmware
import SCSI
import Synchronization

/// The two copies of an image's header. One of them is always whole, also when the host dies between two writes.
final class HeaderPair: Sendable {
  private struct Content: Sendable {
    /// The header that counts.
    var current: ImageHeader
    /// Which copy holds it; the other one is written first.
    var copy: Int
  }

  private let content: Mutex<Content>
  private let copies: [FileWindow]
  private let file: ImageFile

  /// Reads both copies and takes the later intact one; checks that the file has the size it states.
  init(reading file: ImageFile, _ path: String) throws(DiscImageError) {
    let size: UInt64?
    do throws(SyscallFailure) { size = try file.regularFileSize() } catch { throw .syscall(error, path) }
    guard let size else { throw .foreign(path) }

    var found: Content?
    var failures: [ImageHeader.ParsingError] = []
    for (copy, offset) in ImageLayout.headerOffsets.enumerated() where offset + UInt64(ImageLayout.pageOctets) <= size {
      let page = try file.page(at: offset, path)
      do throws(ImageHeader.ParsingError) {
        let header = try ImageHeader(parsing: page)
        if found.map({ $0.current.generation < header.generation }) ?? true {
          found = Content(current: header, copy: copy)
        }
      } catch {
        failures.append(error)
      }
    }
    guard let found else { throw .header(failures, path) }
    let expected = ImageLayout(geometry: found.current.geometry).fileOctets
    guard size == expected else { throw .size(size, expected, path) }
    content = Mutex(found)
    copies = ImageLayout.headerOffsets.map {
      FileWindow(file, start: $0, length: UInt64(ImageLayout.pageOctets))
    }
    self.file = file
  }

  /// The header that counts.
  var current: ImageHeader { content.withLock { $0.current } }

  /// Changes the header: the stale copy first, then, when that is lasting, the other one.
  func update(_ change: (inout ImageHeader) -> Void) throws(SyscallFailure) {
    try content.withLock { (content) throws(SyscallFailure) in
      var header = content.current
      change(&header)
      header.generation &+= 1
      let page = header.page()
      let other = 1 - content.copy
      try write(page, other)
      content = Content(current: header, copy: other)
      try write(page, 1 - other)
    }
  }

  private func write(_ page: [UInt8], _ copy: Int) throws(SyscallFailure) {
    try copies[copy].write(at: 0, page)
    try file.synchronize()
  }
}

extension ImageFile {
  /// Reads one page.
  func page(at offset: UInt64, _ path: String) throws(DiscImageError) -> [UInt8] {
    do throws(SyscallFailure) {
      return try read(at: offset, count: ImageLayout.pageOctets)
    } catch {
      throw .syscall(error, path)
    }
  }
}

extension ImageHeader {
  /// Refuses a protection that no header can hold.
  static func require(
    _ protection: WriteProtection, _ geometry: MediumGeometry, _ path: String
  ) throws(DiscImageError) {
    guard protection.ranges.count <= maximumProtectedRanges,
      protection.ranges.allSatisfy({ $0.count > 0 && $0.isWithin(UInt64(geometry.blockCount)) })
    else {
      throw DiscImageError(
        .invalidParameter, path, "the protected ranges are not blocks of this disc, or more than 64",
        remedy: "protect at most 64 ranges of blocks below \(geometry.blockCount)")
    }
  }
}

extension DiscImageError {
  fileprivate static func foreign(_ path: String) -> DiscImageError {
    DiscImageError(
      .notAnImage, path, "this is not a disc image of Warifu", remedy: "give the path of a disc that Warifu made")
  }

  fileprivate static func header(_ failures: [ImageHeader.ParsingError], _ path: String) -> DiscImageError {
    if failures.contains(.newer) {
      return DiscImageError(
        .unsupportedVersion, path, "the image was made by a later version of Warifu", remedy: "update Warifu to open it"
      )
    }
    if failures.contains(.damaged) {
      return DiscImageError(
        .damagedHeader, path, "both copies of the image's header are damaged",
        remedy: "restore the image from a copy")
    }
    return foreign(path)
  }

  fileprivate static func size(_ size: UInt64, _ expected: UInt64, _ path: String) -> DiscImageError {
    DiscImageError(
      .wrongSize, path,
      size < expected
        ? "the image is truncated: \(expected - size) of its \(expected) octets are missing"
        : "the image is followed by \(size - expected) octets that do not belong to it",
      remedy: size < expected
        ? "restore the image from a copy" : "cut the file to \(expected) octets, or restore it from a copy")
  }
}
