import Cryptography
import Octets

/// The kinds of binary record. The numbers stand in files and under signatures: never reuse one.
package enum RecordKind: UInt8 {
  case copyLicense = 0x01
  case licenseRequest = 0x02
  case productionRecord = 0x03
  case cardIssueOrder = 0x04
  case chargeOrder = 0x05
  case sealSheetOrder = 0x06
  case conversionLicense = 0x07
  case offlineProvision = 0x08
  case notice = 0x0A
  case sealedNotice = 0x0B
  case accessRequest = 0x10
  case accessMessage = 0x11
  case accessChallenge = 0x12
  case accessResponse = 0x13
  case accessAnswer = 0x14
  case configuration = 0x15
  case configurationPolicy = 0x16

  /// The kind that a record says it is; `subject` names the record in errors.
  package init(of octets: RawSpan, subject: String) throws(FormatError) {
    var reader = OctetReader(octets)
    let start: [UInt8]
    do { start = try reader.take(RecordWriter.magic.count + 1).octets } catch { throw FormatError(.truncated, subject) }
    guard start.starts(with: RecordWriter.magic), let kind = start.last.flatMap(RecordKind.init) else {
      throw FormatError(.unknownKind, subject)
    }
    self = kind
  }
}

/// What a field of a record means. The numbers stand in files and under signatures: never reuse one.
package enum RecordTag: UInt8 {
  case number = 0x01
  case centerID = 0x02
  case rootVersion = 0x03
  case cardSerial = 0x04
  case softwareID = 0x05
  case mediumID = 0x06
  case mediumIDStrength = 0x07
  case terms = 0x08
  case certificateCode = 0x09
  case wrappedCertificationKey = 0x0A
  case wrappedContentKey = 0x0B
  case time = 0x0C
  case signature = 0x0D
  case operationID = 0x0E
  case encryptionKey = 0x0F
  case macKey = 0x10
  case dataKey = 0x11
  case moduleType = 0x12
  case productionNumber = 0x13
  case purchaser = 0x14
  case maximumCodes = 0x15
  case generationKeys = 0x16
  case quantity = 0x17
  case expiry = 0x18
  case uses = 0x19
  case freshTime = 0x1A
  case messageID = 0x1B
  case acceptsFewer = 0x1C
  case url = 0x1D
  case wrappedMediumKey = 0x1E
  case wrappedMasterKey = 0x1F
  case fileOctets = 0x20
  case fileDigest = 0x21
  case noticeKind = 0x30
  case amount = 0x31
  case text = 0x32
  case acknowledgement = 0x33
  case wrappedSharedKey = 0x34
  case wrappedNoticeKey = 0x35
  case ciphertext = 0x36
  case client = 0x40
  case role = 0x41
  case nonce = 0x42
  case session = 0x43
  case offset = 0x44
  case randomComponent = 0x45
  case configurationAsked = 0x46
  case configurationItem = 0x47
  case configurationValue = 0x48
  case accessRequest = 0x49
  case accessMessage = 0x4A
  case cardProof = 0x4B
  case configuration = 0x4C
  case accessResponse = 0x4D
}

/// Writes one record: `"WR"` ‖ kind (1) ‖ version (1) ‖ fields, each tag (1) ‖ length (2, big-endian) ‖ value.
///
/// The fields of a kind have one fixed order, and none may be left out: two different octet strings never mean the
/// same record, so a signature over the octets is a signature over the meaning.
package struct RecordWriter {
  /// `"WR"`.
  package static let magic: [UInt8] = [0x57, 0x52]

  package private(set) var octets: [UInt8]

  package init(_ kind: RecordKind, version: UInt8 = 1) {
    octets = RecordWriter.magic + [kind.rawValue, version]
  }

  /// Appends a field. Values are at most 65,535 octets by the limits that each record sets itself.
  package mutating func put(_ tag: RecordTag, _ value: some Collection<UInt8>) {
    octets.append(tag.rawValue)
    octets.append(contentsOf: bigEndian(UInt16(clamping: value.count)))
    octets.append(contentsOf: value.prefix(Int(UInt16.max)))
  }

  /// Appends an integer, big-endian in its own width.
  package mutating func put(_ tag: RecordTag, _ value: some FixedWidthInteger & UnsignedInteger) {
    put(tag, bigEndian(value))
  }
}

/// The octets of `value`, most significant first.
func bigEndian<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> [UInt8] {
  stride(from: Value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> Value($0)) }
}

/// Reads what a ``RecordWriter`` wrote, and nothing else.
package struct RecordReader: ~Escapable {
  private var reader: OctetReader
  private let subject: String

  /// A reader behind the header of a record of `kind`; `subject` names the record in errors.
  @_lifetime(copy span)
  package init(_ span: RawSpan, _ kind: RecordKind, version: UInt8 = 1, limit: Int, subject: String) throws(FormatError)
  {
    guard span.byteCount <= limit else { throw FormatError(.oversized, subject) }
    reader = OctetReader(span)
    self.subject = subject
    for expected in RecordWriter.magic + [kind.rawValue, version] {
      let octet = try RecordReader.read(subject) { () throws(OctetError) in try reader.u8() }
      guard octet == expected else { throw FormatError(.unknownKind, subject) }
    }
  }

  /// The value of the next field, which must have `tag` and a length within `count`.
  @_lifetime(self: copy self)
  package mutating func take(_ tag: RecordTag, _ count: ClosedRange<Int>, _ name: String) throws(FormatError) -> [UInt8]
  {
    let what = "\(subject), \(name)"
    do {
      guard try reader.u8() == tag.rawValue else { throw FormatError(.unknownKind, what) }
      let length = Int(try reader.u16())
      guard length >= count.lowerBound else { throw FormatError(.truncated, what) }
      guard length <= count.upperBound else { throw FormatError(.oversized, what) }
      return try reader.take(length).octets
    } catch let error as FormatError {
      throw error
    } catch {
      throw FormatError(.truncated, what)
    }
  }

  /// The value of the next field, exactly `count` octets.
  @_lifetime(self: copy self)
  package mutating func take(_ tag: RecordTag, exactly count: Int, _ name: String) throws(FormatError) -> [UInt8] {
    try take(tag, count...count, name)
  }

  /// The next field as an integer.
  @_lifetime(self: copy self)
  package mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
    _ tag: RecordTag, _ name: String
  ) throws(FormatError) -> Value {
    try take(tag, exactly: Value.bitWidth / 8, name).reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
  }

  /// The next field as a yes (01) or no (00).
  @_lifetime(self: copy self)
  package mutating func flag(_ tag: RecordTag, _ name: String) throws(FormatError) -> Bool {
    let octet: UInt8 = try integer(tag, name)
    guard octet <= 1 else { throw FormatError(.invalid, "\(subject), \(name)") }
    return octet == 1
  }

  /// The next field made into a value that may refuse it.
  @_lifetime(self: copy self)
  package mutating func value<Value>(
    _ tag: RecordTag, _ count: ClosedRange<Int>, _ name: String, _ make: ([UInt8]) -> Value?
  ) throws(FormatError) -> Value {
    guard let value = make(try take(tag, count, name)) else { throw FormatError(.invalid, "\(subject), \(name)") }
    return value
  }

  /// The next field, 16, 24 or 32 octets of key, without a copy that would outlive it.
  @_lifetime(self: copy self)
  package mutating func key(_ tag: RecordTag, _ name: String) throws(FormatError) -> Secret {
    let what = "\(subject), \(name)"
    do {
      guard try reader.u8() == tag.rawValue else { throw FormatError(.unknownKind, what) }
      let length = Int(try reader.u16())
      guard [16, 24, 32].contains(length) else { throw FormatError(.invalid, what) }
      return Secret(copying: try reader.take(length))
    } catch let error as FormatError {
      throw error
    } catch {
      throw FormatError(.truncated, what)
    }
  }

  /// Whether the record ends here.
  package var isAtEnd: Bool { reader.isAtEnd }

  /// Checks that the record ends here.
  package func expectEnd() throws(FormatError) {
    guard reader.isAtEnd else { throw FormatError(.oversized, subject) }
  }

  private static func read<R>(_ subject: String, _ body: () throws(OctetError) -> R) throws(FormatError) -> R {
    do { return try body() } catch { throw FormatError(.truncated, subject) }
  }
}

/// Whether `text` may stand in a record as a name: 1 to `limit` octets of UTF-8 without control characters, so that
/// it prints on one line wherever it is shown.
package func isPlainText(_ text: String, limit: Int) -> Bool {
  (1...limit).contains(text.utf8.count)
    && text.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
      default: true
      }
    }
}

/// The text of a field, if it is one that ``isPlainText(_:limit:)`` allows.
package func plainText(_ octets: [UInt8], limit: Int) -> String? {
  guard let text = String(validating: octets, as: UTF8.self), isPlainText(text, limit: limit) else { return nil }
  return text
}
