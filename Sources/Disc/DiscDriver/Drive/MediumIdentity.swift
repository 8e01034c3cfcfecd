import Identifiers

/// Which medium this is (M3, IDk of the seeds), how that was learnt, and how much it is worth.
public struct MediumIdentity: Hashable, Sendable {
  /// Where the id came from.
  public enum Source: String, Hashable, Sendable, CaseIterable {
    /// READ MEDIA SERIAL NUMBER, ABh/01h (SPC-4, 6.28): the medium's own number, outside the user's addresses.
    case readMediaSerialNumber = "READ MEDIA SERIAL NUMBER"
    /// A block of a medium's embossed part (P-ROM), which no drive can write (``SCSI/MediumIDSector``).
    case embossedSector = "embossed sector"
    /// VPD page 80h (SPC-4, 7.8.15): the device's number, for devices whose medium cannot be taken out, as USB sticks.
    case unitSerialNumber = "unit serial number"
    /// The CID register of an SD or MMC card (Physical Layer Simplified Specification, 5.2), as the kernel shows it.
    case cardIdentification = "card identification"
    /// The drive's signature over a challenge and the medium's own number (docs/drive-attestation.md).
    case driveAttestation = "drive attestation"
  }

  /// How hard it is to lie about the id.
  public enum Strength: String, Hashable, Sendable, CaseIterable {
    /// The host read it and says so: a host that lies names any id it likes.
    case hostAsserted = "host-asserted"
    /// A drive that the licence centre knows signed it: a host alone cannot lie.
    case attested = "attested"
  }

  /// The id.
  public let id: MediumID
  /// Where it came from.
  public let source: Source
  /// How hard it is to lie about.
  public let strength: Strength

  /// An identity.
  public init(id: MediumID, source: Source, strength: Strength) {
    self.id = id
    self.source = source
    self.strength = strength
  }
}
