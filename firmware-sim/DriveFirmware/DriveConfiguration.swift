import SCSI

/// What one drive says about itself.
public struct DriveConfiguration: Sendable {
  /// Optical memory as shipped, direct access by the switch that real drives have for systems that know only disks.
  public var peripheralType: PeripheralType
  /// The vendor, 8 characters.
  public var vendor: ASCIIField
  /// The product, 16 characters.
  public var product: ASCIIField
  /// The firmware's revision, 4 characters.
  public var revision: ASCIIField
  /// The drive's own serial number, which is not the medium's.
  public var serialNumber: ASCIIField
  /// Octets of memory for comparing blocks; at least one block of 2048.
  public var scratchOctets: Int

  /// A drive's configuration.
  public init(
    peripheralType: PeripheralType = .opticalMemory, vendor: ASCIIField = "WARIFU", product: ASCIIField = "MO DRIVE",
    revision: ASCIIField = "0001", serialNumber: ASCIIField = "WF00000001", scratchOctets: Int = 65_536
  ) {
    self.peripheralType = peripheralType
    self.vendor = vendor
    self.product = product
    self.revision = revision
    self.serialNumber = serialNumber
    self.scratchOctets = max(scratchOctets, 2048)
  }
}
