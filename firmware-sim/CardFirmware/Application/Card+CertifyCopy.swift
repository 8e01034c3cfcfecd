import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// CERTIFY COPY: the comparing party of the copying system (M7, M10), inside the card.
extension Card {
  /// Flag of licence terms: the medium id must be attested by the drive.
  private static let attestedMedium: UInt8 = 0x01

  /// Unwraps KEYc under KU, recomputes the certificate code CS and compares; only a match lets the host copy (P1 = 00),
  /// or gives it the content key to run (P1 = 01). KEYc stays in the engine.
  func certifyCopy(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 <= 1, header.p2 == 0 else { throw .incorrectP1P2 }
    let releasesContentKey = header.p1 == 1
    let license = try CertificateRequest(data, withContentKey: releasesContentKey)
    try checkTerms(license)
    try prepareDerivedKeys()
    try computing { () throws(CryptoError) in
      try engine.unwrap(EngineSlot.userKey, license.wrappedCertificationKey, into: EngineSlot.working)
    }
    try compareCode(license)
    if releasesContentKey { try releaseContentKey(license) }
  }

  /// CS′ = CMAC(KEYc, software id ‖ medium id ‖ terms), compared in constant time.
  private func compareCode(_ license: borrowing CertificateRequest) throws(StatusWord) {
    try writing { () throws(OctetError) in
      try scratch.becomeCertificateInput(
        softwareID: license.softwareID, mediumID: license.mediumID, terms: license.terms)
    }
    var tag = Block(repeating: 0)
    try computing { () throws(CryptoError) in
      try scratch.withBytes { (input) throws(CryptoError) in
        try engine.cmac(EngineSlot.working, input, input.extracting(0..<0), into: &tag)
      }
    }
    guard constantTimeEqual(tag.span.bytes, license.certificateCode) else { throw .securityStatusNotSatisfied }
  }

  /// Kd under KBKDF(KEYc, "content", the input of CS).
  private func releaseContentKey(_ license: borrowing CertificateRequest) throws(StatusWord) {
    record.wipe()
    defer { record.wipe() }
    try writing { () throws(OctetError) in
      try record.becomeCertificateInput(
        softwareID: license.softwareID, mediumID: license.mediumID, terms: license.terms)
    }
    try derive(.content, from: EngineSlot.working, into: EngineSlot.derived) { (context) throws(OctetError) in
      try record.withBytes { (input) throws(OctetError) in try context.appendField(.certificateInput, input) }
    }
    try writing { () throws(OctetError) in try output.append(repeating: 0, count: 32) }
    try computing { () throws(CryptoError) in
      try output.withMutableBytes { (contentKey: inout MutableRawSpan) throws(CryptoError) in
        try engine.unwrap(EngineSlot.derived, license.wrappedContentKey, into: &contentKey)
      }
    }
  }

  /// Terms are version 01 ‖ flags (1) ‖ expiry (8). What the card cannot see to is refused, never passed over: past the
  /// date by the last known time the licence is dead (P8), and where the terms ask for it the drive has to attest the
  /// medium id. An attestation that was not asked for is checked too.
  private func checkTerms(_ license: borrowing CertificateRequest) throws(StatusWord) {
    let terms = license.terms
    let (flags, expiry) = try reading { () throws(OctetError) in
      var reader = OctetReader(terms)
      guard try reader.u8() == 1 else { throw OctetError.invalid }
      let flags = try reader.u8()
      guard flags & ~Card.attestedMedium == 0 else { throw OctetError.invalid }
      let expiry = try reader.u64()
      try reader.expectEnd()
      return (flags, expiry)
    }
    if expiry != 0, knownTime > expiry { throw .conditionsNotSatisfied }
    if license.driveSignature.byteCount > 0 {
      try checkAttestation(license.mediumID, signature: license.driveSignature)
    } else if flags & Card.attestedMedium != 0 {
      throw .conditionsNotSatisfied
    }
  }
}

/// The data of CERTIFY COPY, every part of the length it must have.
private struct CertificateRequest: ~Escapable {
  let softwareID, mediumID, terms: RawSpan
  let wrappedCertificationKey, certificateCode: RawSpan
  /// Empty where the content key is not asked for.
  let wrappedContentKey: RawSpan
  /// Empty where no drive attests the medium id.
  let driveSignature: RawSpan

  @_lifetime(copy data)
  init(_ data: RawSpan, withContentKey: Bool) throws(StatusWord) {
    do { self = try CertificateRequest(parsing: data, withContentKey: withContentKey) } catch { throw .incorrectData }
  }

  @_lifetime(copy data)
  private init(parsing data: RawSpan, withContentKey: Bool) throws(OctetError) {
    var reader = TLVReader(data)
    softwareID = try CertificateRequest.value(&reader, 0x80, SoftwareID.octetCount...SoftwareID.octetCount)
    mediumID = try CertificateRequest.value(&reader, 0x81, 1...MediumID.maximumOctetCount)
    terms = try CertificateRequest.value(&reader, 0x82, 1...64)
    wrappedCertificationKey = try CertificateRequest.value(&reader, 0x83, 40...40)
    certificateCode = try CertificateRequest.value(&reader, 0x84, 16...16)
    wrappedContentKey =
      withContentKey ? try CertificateRequest.value(&reader, 0x85, 40...40) : data.extracting(0..<0)
    driveSignature = reader.isAtEnd ? data.extracting(0..<0) : try CertificateRequest.value(&reader, 0x9E, 64...64)
    guard reader.isAtEnd else { throw .trailing }
  }

  @_lifetime(copy reader)
  private static func value(
    _ reader: inout TLVReader, _ tag: UInt32, _ lengths: ClosedRange<Int>
  ) throws(OctetError) -> RawSpan {
    let element = try reader.next()
    guard element.tag == tag, lengths.contains(element.value.byteCount) else { throw .invalid }
    return element.value
  }
}
