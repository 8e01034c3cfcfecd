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
  /// Whether what is written is lasting only after SYNCHRONIZE CACHE, until MODE SELECT says otherwise: a switch at the
  /// drive.
  public var isCaching: Bool
  /// What lets the drive attest media; `nil` for a drive that does not.
  public var signer: (any DriveSigner)?
  /// Octets of memory for comparing blocks; at least one block of 2048.
  public var scratchOctets: Int

  /// A drive's configuration.
  public init(
    peripheralType: PeripheralType = .opticalMemory, vendor: ASCIIField = "WARIFU", product: ASCIIField = "MO DRIVE",
    revision: ASCIIField = "0001", serialNumber: ASCIIField = "WF00000001", isCaching: Bool = true,
    signer: (any DriveSigner)? = nil, scratchOctets: Int = 65_536
  ) {
    self.peripheralType = peripheralType
    self.vendor = vendor
    self.product = product
    self.revision = revision
    self.serialNumber = serialNumber
    self.isCaching = isCaching
    self.signer = signer
    self.scratchOctets = max(scratchOctets, 2048)
  }

  /// Whether the drive has a command: an optical memory lacks those that only direct access devices have (SPC-4, table
  /// F.2).
  func supports(_ operation: OperationCode) -> Bool {
    switch operation {
    case .compareAndWrite, .orWrite16, .writeSame10, .writeSame16: peripheralType == .directAccess
    default: true
    }
  }
}
