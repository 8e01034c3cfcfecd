/// How a flash memory is divided. All sizes in octets; erased flash reads 0xFF.
public struct FlashGeometry: Hashable, Sendable {
  /// What one erase operation clears.
  public let pageSize: Int
  /// Number of pages.
  public let pageCount: Int
  /// What one program operation writes: 4, 8 or 16.
  public let wordSize: Int

  /// A geometry.
  public init(pageSize: Int, pageCount: Int, wordSize: Int) {
    self.pageSize = pageSize
    self.pageCount = pageCount
    self.wordSize = wordSize
  }

  /// Size of the whole memory.
  public var octets: Int { pageSize * pageCount }
}

/// Why a flash operation did not happen, or not wholly.
public enum FlashError: Error, Equatable {
  /// Outside the memory, or not on word boundaries.
  case outOfRange
  /// The power failed during the operation; nothing more happens until the next power-on.
  case powerLost
  /// The memory, or the host's file behind it, failed.
  case failed
}

/// NOR-like flash: read anywhere, program words, erase pages. Class-bound, because Embedded Swift allows existentials of
/// classes only.
///
/// A power cut tears the word or page at hand: a torn word reads as anything, also as if it were erased or wholly
/// programmed, and as something else at every power-on until it is programmed to zeros or erased. Words that the operation
/// had not reached are as before, and words are programmed in ascending order. One thing can be relied on: a programmed word
/// that was being overwritten with zeros and still reads as before does so for good.
///
/// Where ``sync()`` does something, as with a file on a host, a cut may also undo any of the words and pages done since the
/// last one; there a word reads the same at every power-on.
public protocol FlashMemory: AnyObject {
  /// How the memory is divided.
  var geometry: FlashGeometry { get }

  /// The memory as it is mapped: ``FlashGeometry/octets`` long, valid as long as the object lives.
  var base: UnsafeRawPointer { get }

  /// Programs whole words, in ascending order, onto erased ones. Words of zeros may also go onto programmed ones: that is
  /// what flash with error correction allows, too.
  func program(at offset: Int, _ words: RawSpan) throws(FlashError)

  /// Erases one page.
  func erase(page: Int) throws(FlashError)

  /// Everything done before is durable when this returns; on a board there is nothing to do.
  func sync() throws(FlashError)
}
