import Cryptography
import DiscDriver
import Formats
import Glibc

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

  /// Reads the content from any place, decrypting on demand.
  public func contentReader() throws(LicensingError) -> ContentReader {
    try ContentReader.open(reader, key: key, associatedData: associatedData, operation)
  }

  /// Decrypts the content into an anonymous file in memory that nobody can change any more.
  public func sealedMemory(progress: ProgressHandler = withoutProgress) throws(LicensingError) -> SealedMemory {
    var memory = try SealedMemory(name: title.name, octets: try plaintextLength(), operation)
    var offset = 0
    try forEachPiece(of: 0..<UInt64.max, progress) { (plaintext) throws(LicensingError) in
      try memory.write(plaintext, at: offset)
      offset += plaintext.count
    }
    try memory.seal()
    return memory
  }

  /// Writes the content, or a range of its octets, to a descriptor: a pipe, a terminal, a viewer. Nothing unauthentic is
  /// written; when it fails in the middle, what was written before was authentic but is not all.
  public func write(
    _ range: Range<UInt64> = 0..<UInt64.max, to descriptor: Int32, progress: ProgressHandler = withoutProgress
  ) throws(LicensingError) {
    let operation = operation
    try forEachPiece(of: range, progress) { (plaintext) throws(LicensingError) in
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

  /// Lends the content in order; an empty one's only segment has to be authentic too.
  private func forEachPiece(
    of range: Range<UInt64>, _ progress: ProgressHandler,
    _ body: (UnsafeRawBufferPointer) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    var content = try contentReader()
    if content.length == 0 { try content.checkEnd() }
    try content.forEachPiece(of: range, progress: progress, body)
  }
}
