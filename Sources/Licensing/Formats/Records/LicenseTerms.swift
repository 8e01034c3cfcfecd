import Octets

/// The terms of a copy licence or of a code, as they enter the certificate code CS (M5).
///
/// Encoding: version 01 ‖ flags (1) ‖ expiry (8, seconds since 1970 UTC, big-endian; 0 for never). Flag bit 0: the card
/// wants the medium id attested by a drive.
public struct LicenseTerms: Hashable, Sendable {
  /// Octets of the encoding.
  public static let octetCount = 10
  /// Version octet of the encoding.
  public static let version: UInt8 = 1
  private static let attestedMedium: UInt8 = 0x01

  /// Whether the card must see the drive's signature over the medium id before it certifies.
  public var requiresAttestedMedium: Bool
  /// Seconds since 1970 UTC after which the licence is dead; `nil` for never. Never 0.
  public var expiry: UInt64?

  /// Terms. An expiry of 0 means never.
  public init(requiresAttestedMedium: Bool = false, expiry: UInt64? = nil) {
    self.requiresAttestedMedium = requiresAttestedMedium
    self.expiry = expiry == 0 ? nil : expiry
  }

  /// Without a date, the host's word for the medium id being enough.
  public static let unlimited = LicenseTerms()

  /// The 10 octets.
  public var encoded: [UInt8] {
    [LicenseTerms.version, requiresAttestedMedium ? LicenseTerms.attestedMedium : 0] + bigEndian(expiry ?? 0)
  }

  /// Reads the 10 octets.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let subject = "licence terms"
    do {
      var reader = OctetReader(octets)
      guard try reader.u8() == LicenseTerms.version else { throw FormatError(.unknownKind, subject) }
      let flags = try reader.u8()
      guard flags & ~LicenseTerms.attestedMedium == 0 else { throw FormatError(.invalid, subject) }
      let expiry = try reader.u64()
      try reader.expectEnd()
      self.init(requiresAttestedMedium: flags & LicenseTerms.attestedMedium != 0, expiry: expiry)
    } catch let error as FormatError {
      throw error
    } catch let error as OctetError {
      throw FormatError(error == .trailing ? .oversized : .truncated, subject)
    } catch {
      throw FormatError(.invalid, subject)
    }
  }
}

/// How much a medium id is worth: who vouches for it.
public enum MediumIDStrength: UInt8, Hashable, Sendable, CaseIterable {
  /// The host says so.
  case hostAsserted = 0
  /// The drive signed it under its factory certificate.
  case driveAttested = 1
}
