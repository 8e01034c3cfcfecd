import CLinux
import Cryptography
import DiscDriver
import Formats
import Glibc
import SecureChannel

/// A title that the card has opened: its content key is here until this value ends (M10).
///
/// Content is opened segment by segment; no plaintext is ever written to a disk.
public struct CertifiedTitle: ~Copyable {
  /// The title's line of the catalogue.
  public let title: CatalogueTitle

  private let reader: TitleReader
  private let key: Secret
  private let associatedData: [UInt8]
  private let operation: String

  init(title: CatalogueTitle, reader: TitleReader, key: consuming Secret, associatedData: [UInt8]) {
    self.title = title
    self.reader = reader
    self.key = key
    self.associatedData = associatedData
    operation = "open \(title.name)"
  }

  /// Octets of the content.
  ///
  /// - Throws: ``LicensingError/Code/damaged`` for software of a length that no sealed content has.
  public func plaintextLength() throws(LicensingError) -> UInt64 {
    do {
      return try Content.parameters.plaintextLength(ciphertextLength: reader.length)
    } catch {
      throw LicensingError(error, during: operation)
    }
  }

  /// Decrypts the content into an anonymous file in memory that nobody can change any more.
  public func sealedMemory(progress: ProgressHandler = withoutProgress) throws(LicensingError) -> SealedMemory {
    var memory = try SealedMemory(name: title.name, octets: try plaintextLength(), operation)
    var offset = 0
    try forEachSegment(progress) { (plaintext) throws(LicensingError) in
      try memory.write(plaintext, at: offset)
      offset += plaintext.count
    }
    try memory.seal()
    return memory
  }

  /// Writes the content to a descriptor: a pipe, a terminal, a viewer. Nothing unauthentic is written; when it fails in
  /// the middle, what was written before was authentic but is not all.
  public func write(to descriptor: Int32, progress: ProgressHandler = withoutProgress) throws(LicensingError) {
    let operation = operation
    try forEachSegment(progress) { (plaintext) throws(LicensingError) in
      var done = 0
      while done < plaintext.count {
        let count = Glibc.write(descriptor, plaintext.baseAddress.map { $0 + done }, plaintext.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          throw LicensingError(
            .output, operation,
            remedy: "The content cannot be written (\(String(cString: strerror(errno)))); give it a place with room.")
        }
        done += count
      }
    }
  }

  /// Lends every segment's plaintext in order, in one reused buffer.
  private func forEachSegment(
    _ progress: ProgressHandler, _ body: (UnsafeRawBufferPointer) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    let parameters = Content.parameters
    let (reader, buffer) = (reader, SegmentBuffer())
    var done: UInt64 = 0
    do {
      let count = try parameters.segmentCount(ciphertextLength: reader.length)
      let head = UnsafeMutableRawBufferPointer(rebasing: buffer.octets[..<StreamingAEAD.headerOctets])
      let header = Array(head[..<(try reader.read(at: 0, into: head))])
      var opener = try StreamOpener(
        key: key, associatedData: associatedData, header: header, parameters: parameters)
      for index in 0..<UInt32(clamping: count) {
        let range = try parameters.ciphertextRange(ofSegment: index, ciphertextLength: reader.length)
        let sealed = UnsafeMutableRawBufferPointer(rebasing: buffer.octets[..<range.count])
        let read = try reader.read(at: range.lowerBound, into: sealed)
        guard read == range.count else { throw CryptoError.notAuthentic }
        let length = try opener.open(
          segment: index, UnsafeRawBufferPointer(sealed), isLast: UInt64(index) == count - 1, into: buffer.octets)
        try body(UnsafeRawBufferPointer(rebasing: buffer.octets[..<length]))
        done += UInt64(range.count)
        guard progress(TransferProgress(done: done, total: reader.length)) else {
          throw LicensingError(.cancelled, operation, remedy: "It was cancelled.")
        }
      }
    } catch {
      throw LicensingError(error, during: operation)
    }
  }
}
