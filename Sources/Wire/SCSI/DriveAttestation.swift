import Octets

/// What a drive says, under its signature, about the medium inside (docs/drive-attestation.md). It travels by the vendor's
/// security protocol F0h: SECURITY PROTOCOL OUT brings a challenge, SECURITY PROTOCOL IN fetches the attestation.
///
/// Reading one checks its form only: whether it is authentic, the signature and the certificate tell.
public struct DriveAttestation: Hashable, Sendable {
  /// The security protocol, of the vendor-specific range F0h to FFh (SPC-4, table 261).
  public static let securityProtocol: UInt8 = 0xF0
  /// The protocol's function "attest the medium": the SECURITY PROTOCOL SPECIFIC field.
  public static let function: UInt16 = 0x0001
  /// How long a challenge may be.
  public static let challengeOctets = 16...64
  /// Octets of every signature.
  public static let signatureOctets = 64
  /// The most octets of a drive's certificate.
  public static let maximumCertificateOctets = 2048
  /// The most octets of an attestation: an allocation length for which every one has room.
  public static let maximumOctetCount = 6 + (2 + 64) + (2 + 64) + (2 + maximumCertificateOctets) + signatureOctets

  private static let version: UInt8 = 1

  /// The challenge that was sent.
  public let challenge: [UInt8]
  /// The medium's id as READ MEDIA SERIAL NUMBER gives it, 4 to 64 octets.
  public let mediumID: [UInt8]
  /// The drive's card-verifiable certificate.
  public let certificate: [UInt8]
  /// The drive's signature, r ‖ s.
  public let signature: [UInt8]

  /// An attestation; `nil` if a part has a length that it cannot have.
  public init?(challenge: [UInt8], mediumID: [UInt8], certificate: [UInt8], signature: [UInt8]) {
    guard DriveAttestation.challengeOctets.contains(challenge.count), (4...64).contains(mediumID.count),
      (1...DriveAttestation.maximumCertificateOctets).contains(certificate.count),
      signature.count == DriveAttestation.signatureOctets
    else { return nil }
    self.challenge = challenge
    self.mediumID = mediumID
    self.certificate = certificate
    self.signature = signature
  }

  /// Reads what SECURITY PROTOCOL IN gave: length of what follows (4) ‖ version 01 ‖ 00 ‖ challenge, medium id and
  /// certificate, each behind its length (2) ‖ signature (64).
  ///
  /// - Throws: ``OctetError/truncated`` if the answer ends before the length it states, ``OctetError/invalid`` for another
  ///   version or for lengths that do not fit.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    var whole = OctetReader(bytes)
    let length = try whole.u32()
    guard length <= UInt32(DriveAttestation.maximumOctetCount) else { throw .invalid }
    var reader = OctetReader(try whole.take(Int(length)))
    guard try reader.u8() == DriveAttestation.version, try reader.u8() == 0 else { throw .invalid }
    let challenge = try reader.take(Int(try reader.u16())).octets
    let mediumID = try reader.take(Int(try reader.u16())).octets
    let certificate = try reader.take(Int(try reader.u16())).octets
    let signature = try reader.take(DriveAttestation.signatureOctets).octets
    guard reader.isAtEnd,
      let attestation = DriveAttestation(
        challenge: challenge, mediumID: mediumID, certificate: certificate, signature: signature)
    else { throw .invalid }
    self = attestation
  }

  /// Appends the answer of SECURITY PROTOCOL IN.
  public func append(to buffer: OctetBuffer) throws(OctetError) {
    let length = 2 + 2 + challenge.count + 2 + mediumID.count + 2 + certificate.count + signature.count
    try buffer.append(UInt32(truncatingIfNeeded: length))
    try buffer.append(DriveAttestation.version)
    try buffer.append(UInt8(0))
    for part in [challenge, mediumID, certificate] {
      try buffer.append(UInt16(truncatingIfNeeded: part.count))
      try buffer.append(part.span.bytes)
    }
    try buffer.append(signature.span.bytes)
  }
}

extension DriveAttestation {
  /// The parameter list of SECURITY PROTOCOL OUT that brings a challenge: version 01 ‖ 00 ‖ length (2) ‖ challenge.
  public struct Challenge: Hashable, Sendable {
    /// The challenge, 16 to 64 octets.
    public let octets: [UInt8]

    /// A challenge; `nil` unless it has 16 to 64 octets.
    public init?(octets: [UInt8]) {
      guard DriveAttestation.challengeOctets.contains(octets.count) else { return nil }
      self.octets = octets
    }

    /// Reads a parameter list; octets behind it, as padding to 512, are passed over.
    public init(parsing bytes: RawSpan) throws(OctetError) {
      var reader = OctetReader(bytes)
      guard try reader.u8() == DriveAttestation.version, try reader.u8() == 0 else { throw .invalid }
      guard let challenge = Challenge(octets: try reader.take(Int(try reader.u16())).octets) else { throw .invalid }
      self = challenge
    }

    /// The parameter list.
    public var encoded: [UInt8] { [DriveAttestation.version, 0, 0, UInt8(truncatingIfNeeded: octets.count)] + octets }
  }
}

extension DriveCommand {
  /// What SECURITY PROTOCOL IN or OUT is about.
  public struct SecurityProtocol: Hashable, Sendable {
    /// The protocol.
    public var securityProtocol: UInt8
    /// What it means by the field of that name.
    public var specific: UInt16
    /// Room at the host, or the length of what it sends.
    public var octets: UInt32

    /// A request.
    public init(_ securityProtocol: UInt8, _ specific: UInt16, octets: UInt32) {
      self.securityProtocol = securityProtocol
      self.specific = specific
      self.octets = octets
    }

    /// The fields of a CDB of 12 octets.
    init(_ fields: RawSpan) {
      self.init(fields[octet: 1], fields.bigEndian16(at: 2), octets: fields.bigEndian32(at: 6))
    }
  }
}

extension CDB {
  /// SECURITY PROTOCOL IN (SPC-4, 6.40), its allocation length in octets.
  public static func securityProtocolIn(_ securityProtocol: UInt8, _ specific: UInt16, allocation: UInt32) -> CDB {
    CDB(securityProtocolCommand: 0xA2, securityProtocol, specific, length: allocation)
  }

  /// SECURITY PROTOCOL OUT (SPC-4, 6.41), its transfer length in octets.
  public static func securityProtocolOut(_ securityProtocol: UInt8, _ specific: UInt16, length: UInt32) -> CDB {
    CDB(securityProtocolCommand: 0xB5, securityProtocol, specific, length: length)
  }
}
