import Cryptography
import Identifiers
import Octets
import SecureChannel

/// The head of a file that the counter hands over off-line (P9): what is in it, for which code, signed by the centre.
///
/// The file is the record's length (4, big-endian) ‖ the record ‖ the sealed title (``DownloadContent``). Whoever has the
/// code opens it without a network; nobody else can.
public struct OfflineProvision: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 512
  /// Octets in front of the record in a file.
  public static let lengthOctets = 4
  private static let subject = "off-line provision"

  /// The provision's number at its centre.
  public var number: UInt64
  /// The centre that made it.
  public var centerID: CenterID
  /// The title.
  public var softwareID: SoftwareID
  /// Octets of the sealed title behind the record.
  public var octets: UInt64
  /// ``PieceDigest`` over the sealed title, 32 octets.
  public var digest: [UInt8]
  /// The sealed title's key, wrapped for the code, 40 octets.
  public var wrappedContentKey: [UInt8]
  /// When everything that comes from the code dies, seconds since 1970 UTC; `nil` for never.
  public var expiry: UInt64?
  /// When it was made, seconds since 1970 UTC.
  public var madeAt: UInt64
  /// The centre's signature over ``signedOctets``, 64 octets; empty while it is being made.
  public var signature: [UInt8]

  /// A provision; see the properties for the shapes.
  public init(
    number: UInt64, centerID: CenterID, softwareID: SoftwareID, octets: UInt64, digest: [UInt8],
    wrappedContentKey: [UInt8], expiry: UInt64?, madeAt: UInt64, signature: [UInt8] = []
  ) {
    self.number = number
    self.centerID = centerID
    self.softwareID = softwareID
    self.octets = octets
    self.digest = digest
    self.wrappedContentKey = wrappedContentKey
    self.expiry = expiry == 0 ? nil : expiry
    self.madeAt = madeAt
    self.signature = signature
  }

  /// What the signature covers: the whole record but its last field.
  public var signedOctets: [UInt8] { writer.octets }

  /// The whole record.
  public var encoded: [UInt8] {
    var writer = writer
    writer.put(.signature, signature)
    return writer.octets
  }

  /// What a file begins with: the record's length and the record.
  public var fileHead: [UInt8] { bigEndian(UInt32(clamping: encoded.count)) + encoded }

  private var writer: RecordWriter {
    var writer = RecordWriter(.offlineProvision)
    writer.put(.number, number)
    writer.put(.centerID, centerID.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.fileOctets, octets)
    writer.put(.fileDigest, digest)
    writer.put(.wrappedContentKey, wrappedContentKey)
    writer.put(.expiry, expiry ?? 0)
    writer.put(.time, madeAt)
    return writer
  }

  /// Reads a record; says nothing about its signature.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .offlineProvision, limit: OfflineProvision.maximumOctetCount, subject: OfflineProvision.subject)
    number = try reader.integer(.number, "number")
    centerID = try reader.value(.centerID, 16...16, "centre id") { CenterID(octets: $0) }
    softwareID = try reader.value(.softwareID, 16...16, "software id") { SoftwareID(octets: $0) }
    self.octets = try reader.integer(.fileOctets, "length of the title")
    digest = try reader.take(.fileDigest, exactly: 32, "digest")
    wrappedContentKey = try reader.take(
      .wrappedContentKey, exactly: DownloadContent.wrappedKeyOctets, "wrapped content key")
    let date: UInt64 = try reader.integer(.expiry, "expiry")
    expiry = date == 0 ? nil : date
    madeAt = try reader.integer(.time, "time")
    signature = try reader.take(.signature, exactly: CopyLicense.signatureOctets, "signature")
    try reader.expectEnd()
  }

  /// Reads the head of a file, checks the centre's signature before anything else of it can be seen, and says where the
  /// sealed title begins.
  ///
  /// - Parameter octets: the file's first octets, ``lengthOctets`` + ``maximumOctetCount`` of them or the whole file.
  public static func open(
    fileHead octets: [UInt8], under key: VerificationKey
  ) throws(FormatError) -> (provision: OfflineProvision, start: Int) {
    guard octets.count >= lengthOctets else { throw FormatError(.truncated, subject) }
    let length = octets.prefix(lengthOctets).reduce(0) { $0 << 8 | Int($1) }
    guard length <= maximumOctetCount else { throw FormatError(.oversized, subject) }
    guard octets.count >= lengthOctets + length else { throw FormatError(.truncated, subject) }
    let record = Array(octets[lengthOctets..<(lengthOctets + length)])
    let provision = try OfflineProvision(parsing: record.span.bytes)
    do {
      try key.verify(provision.signedOctets, provision.signature)
    } catch {
      throw FormatError(.notAuthentic, subject)
    }
    return (provision, lengthOctets + length)
  }

  /// The sealed title's key, for whoever has the code, until the code's date (P8).
  ///
  /// - Throws: ``FormatError/Code/notAuthentic`` for another code, ``FormatError/Code/invalid`` past the date.
  public func contentKey(for code: RetrievalCode, at time: UInt64) throws(FormatError) -> Secret {
    guard expiry.map({ time <= $0 }) ?? true else {
      throw FormatError(.invalid, "\(OfflineProvision.subject), date")
    }
    do {
      return try DownloadContent.unwrap(wrappedContentKey, for: code, softwareID)
    } catch {
      throw FormatError(.notAuthentic, OfflineProvision.subject)
    }
  }
}
