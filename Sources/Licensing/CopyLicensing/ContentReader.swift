import Cryptography
import DiscDriver
import SecureChannel

/// Reads a title's content from any place, and decrypts only the segments that are asked for.
///
/// Memory holds one segment, the last one that was opened, so that reading on in small pieces opens each segment once; a
/// book is never in memory as a whole (T20). It is wiped when this value ends, and with it the key of the stream.
public struct ContentReader: ~Copyable {
  /// Octets of the content.
  public let length: UInt64
  /// Number of segments.
  public let segmentCount: UInt32

  private let parameters = Content.parameters
  private let reader: TitleReader
  private let operation: String
  private var opener: StreamOpener
  private let buffer = SegmentBuffer()
  /// Which segment `buffer` holds, and how much of it.
  private var opened: (index: UInt32, count: Int)?

  /// A reader of a title under its content key.
  static func open(
    _ reader: TitleReader, key: borrowing Secret, associatedData: [UInt8], _ operation: String
  ) throws(LicensingError) -> ContentReader {
    var header = [UInt8](repeating: 0, count: StreamingAEAD.headerOctets)
    do {
      let length = try Content.parameters.plaintextLength(ciphertextLength: reader.length)
      let count = try Content.parameters.segmentCount(ciphertextLength: reader.length)
      _ = try header.withUnsafeMutableBytes { try reader.read(at: 0, into: $0) }
      let opener = try StreamOpener(
        key: key, associatedData: associatedData, header: header, parameters: Content.parameters)
      return ContentReader(reader, opener, length: length, segmentCount: UInt32(clamping: count), operation)
    } catch {
      throw LicensingError(error, during: operation)
    }
  }

  private init(
    _ reader: TitleReader, _ opener: consuming StreamOpener, length: UInt64, segmentCount: UInt32, _ operation: String
  ) {
    self.reader = reader
    self.opener = opener
    self.length = length
    self.segmentCount = segmentCount
    self.operation = operation
  }

  /// Fills `buffer` with content from `offset` on, as far as it reaches. Nothing unauthentic is ever in it.
  ///
  /// - Returns: octets read: all that were asked for, fewer only at the end, 0 beyond it.
  /// - Throws: ``LicensingError/Code/damaged`` for content that is not what was sealed; `buffer` then has octets before
  ///   that place only.
  public mutating func read(
    at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(LicensingError) -> Int {
    guard offset < length else { return 0 }
    let wanted = Int(min(UInt64(buffer.count), length - offset))
    var done = 0
    while done < wanted {
      let (index, start) = try segment(at: offset + UInt64(done))
      let plaintext = try open(index)
      let count = min(plaintext.count - start, wanted - done)
      guard count > 0 else { throw LicensingError(CryptoError.notAuthentic, during: operation) }
      UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: plaintext[start..<(start + count)]))
      done += count
    }
    return wanted
  }

  /// Lends content in order, in pieces of one segment or less, each valid for the call.
  ///
  /// - Parameters:
  ///   - range: octets of the content; what lies beyond its end is left out.
  ///   - progress: hears how much of it was lent.
  public mutating func forEachPiece(
    of range: Range<UInt64>, progress: ProgressHandler = withoutProgress,
    _ body: (UnsafeRawBufferPointer) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    let range = range.clamped(to: 0..<length)
    var position = range.lowerBound
    while position < range.upperBound {
      let (index, start) = try segment(at: position)
      let plaintext = try open(index)
      let count = Int(min(UInt64(plaintext.count - start), range.upperBound - position))
      guard count > 0 else { throw LicensingError(CryptoError.notAuthentic, during: operation) }
      try body(UnsafeRawBufferPointer(rebasing: plaintext[start..<(start + count)]))
      position += UInt64(count)
      let state = TransferProgress(
        .opening, done: position - range.lowerBound, total: range.upperBound - range.lowerBound)
      guard progress(state) else { throw .cancelled(operation) }
    }
  }

  /// Opens the last segment too when there is nothing to read: only its authenticity says that nothing is missing.
  mutating func checkEnd() throws(LicensingError) { _ = try open(segmentCount - 1) }

  /// The segment with the octet at `offset`, and where in it.
  private func segment(at offset: UInt64) throws(LicensingError) -> (index: UInt32, start: Int) {
    do {
      let (index, start) = try parameters.location(ofPlaintext: offset)
      return (index, start)
    } catch {
      throw LicensingError(error, during: operation)
    }
  }

  /// The plaintext of a segment, in the buffer.
  private mutating func open(_ index: UInt32) throws(LicensingError) -> UnsafeRawBufferPointer {
    if let opened, opened.index == index { return UnsafeRawBufferPointer(rebasing: buffer.octets[..<opened.count]) }
    opened = nil
    do {
      let range = try parameters.ciphertextRange(ofSegment: index, ciphertextLength: reader.length)
      let sealed = UnsafeMutableRawBufferPointer(rebasing: buffer.octets[..<range.count])
      guard try reader.read(at: range.lowerBound, into: sealed) == range.count else { throw CryptoError.notAuthentic }
      let count = try opener.open(
        segment: index, UnsafeRawBufferPointer(sealed), isLast: index == segmentCount - 1, into: buffer.octets)
      opened = (index, count)
      return UnsafeRawBufferPointer(rebasing: buffer.octets[..<count])
    } catch {
      throw LicensingError(error, during: operation)
    }
  }
}
