import Identifiers
import Octets
import SCSI

extension DriveSession {
  /// Which medium this is (M3), as the host learns it: by the medium's own number if the drive gives it, by the block
  /// that a partly embossed medium shows it in, else by the number of a device with a fixed medium.
  public func mediumIdentity() throws(DiscError) -> MediumIdentity {
    if let id = try mediaSerialNumber() {
      return MediumIdentity(id: id, source: .readMediaSerialNumber, strength: .hostAsserted)
    }
    if let id = try embossedID() {
      return MediumIdentity(id: id, source: .embossedSector, strength: .hostAsserted)
    }
    if let id = try unitSerialNumber() {
      return MediumIdentity(id: id, source: .unitSerialNumber, strength: .hostAsserted)
    }
    throw DiscError(
      .noIdentity, DriveSession.identifying, remedy: "use a disc with a medium id, and a drive that reads it")
  }

  static let identifying = "cannot tell which medium this is"

  private func mediaSerialNumber() throws(DiscError) -> MediumID? {
    let answer: [UInt8]?
    do {
      answer = try fetch(.readMediaSerialNumber(), upTo: 260, DriveSession.identifying)
    } catch {
      // A user's own programs may not ask; the device rules have asked for them.
      guard error.code == .notPermitted, let id = (transport as? SGIOTransport)?.recordedMediumID else { throw error }
      return id
    }
    guard let answer,
      let number = try? MediaSerialNumber(parsing: answer.span.bytes), number.octets.contains(where: { $0 != 0 })
    else { return nil }
    return MediumID(octets: number.octets)
  }

  /// The id in the first block of the embossed part. On a medium that is rewritable there, anyone could have written it.
  private func embossedID() throws(DiscError) -> MediumID? {
    guard let address = try embossedBlock() else { return nil }
    var block = [UInt8](repeating: 0, count: blockSize)
    try block.withMutableOctets { (octets) throws(DiscError) in try read(from: address, into: octets) }
    guard let sector = try? MediumIDSector(parsing: block.span.bytes) else { return nil }
    return MediumID(octets: sector.mediumID)
  }

  /// The first block of the embossed part of the medium; `nil` if it has none.
  func embossedBlock() throws(DiscError) -> UInt64? {
    let address = MediumIDSector.address(blockCount: capacity.blockCount, blockSize: capacity.blockSize)
    guard blockSize >= MediumIDSector.minimumBlockSize, address < capacity.blockCount,
      let parameters = try modeParameters(DriveSession.identifying),
      parameters.mediumType == .opticalPartlyReadOnly
    else { return nil }
    return address
  }

  /// Whether the drive says that nothing of the medium can be written. One that says nothing of it is taken at its word
  /// when it refuses.
  func isWriteProtected() throws(DiscError) -> Bool {
    try modeParameters("cannot ask whether the disc is write-protected")?.isWriteProtected ?? false
  }

  private func modeParameters(_ operation: String) throws(DiscError) -> ModeParameters? {
    guard let answer = try fetch(.modeSense(), upTo: 252, operation) else { return nil }
    return try? ModeParameters(parsing: answer.span.bytes, isLong: false)
  }

  /// The device's number without its padding, if the device is its medium.
  private func unitSerialNumber() throws(DiscError) -> MediumID? {
    guard inquiry.peripheralType == .directAccess,
      let answer = try fetch(.inquiry(page: .unitSerialNumber), upTo: 252, DriveSession.identifying),
      let page = try? VitalProductData(parsing: answer.span.bytes),
      page.page == VitalProductDataPage.unitSerialNumber.rawValue
    else { return nil }
    let isPadding: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0 }
    let serial = page.content.octets.drop(while: isPadding).reversed().drop(while: isPadding).reversed()
    return MediumID(octets: Array(serial))
  }
}
