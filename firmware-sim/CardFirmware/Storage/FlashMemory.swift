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
/// A power cut during an operation leaves the words it touches with arbitrary content, which may even read as erased or as
/// wholly programmed and change later; words it had not reached are as before. Words are programmed in ascending order.
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
