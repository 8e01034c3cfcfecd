import ISO7816
import Octets

/// A certificate that a card can check by itself: ISO/IEC 7816-8, in the self-descriptive profile of BSI TR-03110, part 3,
/// C.1. The centre vouches with it for a drive's key, which then attests media (docs/drive-attestation.md).
///
/// ```
/// 7F21 certificate
///   7F4E body, which the signature is over, tag and length included
///     5F29 profile, 00
///     42   certification authority reference: the centre's id, its first 16 octets at most
///     7F49 public key: 06 id-TA-ECDSA-SHA-256, 86 the point, 65 octets, uncompressed
///     5F20 certificate holder reference: the drive's serial number, 1 to 16 characters
///     7F4C certificate holder authorization: 06 the role, 53 rights, 00
///     5F25 effective date, 5F24 expiration date: YYMMDD, an octet a digit, the last day included
///   5F37 signature, ECDSA P-256 over SHA-256, r ‖ s, 64 octets
/// ```
///
/// A view into the octets it was read from. Reading checks the form, never the signature.
public struct CardVerifiableCertificate: ~Escapable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 256

  /// What the signature is over.
  public let body: RawSpan
  /// Who signed it, 1 to 16 octets.
  public let authority: RawSpan
  /// The key vouched for, 65 octets.
  public let publicKey: RawSpan
  /// Whose key it is, 1 to 16 octets.
  public let holder: RawSpan
  /// The first and the last second, since 1970 UTC, in which it is good.
  public let validity: ClosedRange<UInt64>
  /// The signature, 64 octets.
  public let signature: RawSpan

  /// Reads a certificate, 7F21 and all.
  ///
  /// - Throws: ``OctetError`` for what has another form, profile, algorithm or role.
  @_lifetime(copy octets)
  public init(parsing octets: RawSpan) throws(OctetError) {
    var reader = TLVReader(octets)
    let content = try reader.expect(0x7F21)
    guard reader.isAtEnd else { throw .trailing }
    try self.init(content: content)
  }

  /// Reads what is inside 7F21, as PSO: VERIFY CERTIFICATE carries it.
  @_lifetime(copy content)
  public init(content: RawSpan) throws(OctetError) {
    var reader = TLVReader(content)
    let fields = try reader.expect(0x7F4E)
    signature = try reader.expect(0x5F37, octets: 64...64)
    guard reader.isAtEnd else { throw .trailing }
    body = content.extracting(0..<(content.byteCount - 3 - 64))

    var field = TLVReader(fields)
    guard try field.expect(0x5F29, octets: 1...1)[octet: 0] == 0 else { throw .invalid }
    authority = try field.expect(0x42, octets: 1...16)
    publicKey = try CardVerifiableCertificate.publicKey(try field.expect(0x7F49))
    holder = try field.expect(0x5F20, octets: 1...16)
    try CardVerifiableCertificate.checkRole(try field.expect(0x7F4C))
    let first = try CalendarDate(parsing: try field.expect(0x5F25, octets: 6...6))
    let last = try CalendarDate(parsing: try field.expect(0x5F24, octets: 6...6))
    guard field.isAtEnd else { throw .trailing }
    guard first.firstSecond <= last.lastSecond else { throw .invalid }
    validity = first.firstSecond...last.lastSecond
  }

  @_lifetime(copy object)
  private static func publicKey(_ object: RawSpan) throws(OctetError) -> RawSpan {
    var reader = TLVReader(object)
    try reader.expectObjectIdentifier(algorithm)
    let point = try reader.expect(0x86, octets: 65...65)
    guard reader.isAtEnd, point[octet: 0] == 0x04 else { throw .invalid }
    return point
  }

  private static func checkRole(_ object: RawSpan) throws(OctetError) {
    var reader = TLVReader(object)
    try reader.expectObjectIdentifier(driveRole)
    guard try reader.expect(0x53, octets: 1...1)[octet: 0] == 0, reader.isAtEnd else { throw .invalid }
  }

  /// id-TA-ECDSA-SHA-256, 0.4.0.127.0.7.2.2.2.2.3.
  fileprivate static let algorithm: InlineArray<10, UInt8> = [
    0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03,
  ]

  /// A drive that attests media: the arc of the roles (docs/decisions/0006), 5.
  fileprivate static let driveRole: InlineArray<21, UInt8> = [
    0x69, 0x81, 0x87, 0x9A, 0x9C, 0xF1, 0x9C, 0xDB, 0x82, 0x93, 0xE7, 0xB9, 0xDC, 0xC2, 0xA6, 0x85, 0x93, 0x8A, 0xA9,
    0x79, 0x05,
  ]
}

// MARK: - Making one

extension CardVerifiableCertificate {
  /// What the centre signs to vouch for a drive's key.
  ///
  /// - Parameters:
  ///   - authority: who signs, 1 to 16 octets.
  ///   - holder: the drive's serial number, 1 to 16 octets.
  ///   - publicKey: the drive's key, 65 octets.
  ///   - validity: seconds since 1970 UTC; whole days are vouched for.
  /// - Returns: the body; `nil` if a part has a length or a date that it cannot have (the years are 2000 to 2099).
  public static func body(
    authority: [UInt8], holder: [UInt8], publicKey: [UInt8], validity: ClosedRange<UInt64>
  ) -> [UInt8]? {
    guard (1...16).contains(authority.count), (1...16).contains(holder.count), publicKey.count == 65,
      let first = CalendarDate(second: validity.lowerBound), let last = CalendarDate(second: validity.upperBound)
    else { return nil }
    let key = BERTLV.encode(tag: 0x06, value: algorithm.octets) + BERTLV.encode(tag: 0x86, value: publicKey)
    let role = BERTLV.encode(tag: 0x06, value: driveRole.octets) + BERTLV.encode(tag: 0x53, value: [0x00])
    var fields = BERTLV.encode(tag: 0x5F29, value: [0x00])
    fields += BERTLV.encode(tag: 0x42, value: authority)
    fields += BERTLV.encode(tag: 0x7F49, value: key)
    fields += BERTLV.encode(tag: 0x5F20, value: holder)
    fields += BERTLV.encode(tag: 0x7F4C, value: role)
    fields += BERTLV.encode(tag: 0x5F25, value: first.digits)
    fields += BERTLV.encode(tag: 0x5F24, value: last.digits)
    return BERTLV.encode(tag: 0x7F4E, value: fields)
  }

  /// The certificate of a signed body.
  public static func encode(body: [UInt8], signature: [UInt8]) -> [UInt8] {
    BERTLV.encode(tag: 0x7F21, value: body + BERTLV.encode(tag: 0x5F37, value: signature))
  }
}

extension TLVReader {
  /// The value of the next object, which has this tag and so many octets.
  @_lifetime(copy self)
  fileprivate mutating func expect(
    _ tag: UInt32, octets: ClosedRange<Int> = 0...CardVerifiableCertificate.maximumOctetCount
  ) throws(OctetError) -> RawSpan {
    let element = try next()
    guard element.tag == tag, octets.contains(element.value.byteCount) else { throw .invalid }
    return element.value
  }

  fileprivate mutating func expectObjectIdentifier<let count: Int>(
    _ expected: InlineArray<count, UInt8>
  ) throws(OctetError) {
    let value = try expect(0x06, octets: count...count)
    for index in 0..<count where value[octet: index] != expected[index] { throw .invalid }
  }
}

extension InlineArray where Element == UInt8 {
  fileprivate var octets: [UInt8] { indices.map { self[$0] } }
}
