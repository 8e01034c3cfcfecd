import Octets

/// The block that shows the medium id on a medium with an embossed part, for hosts that can only READ.
///
/// | offset | octets | part |
/// | --- | --- | --- |
/// | 0 | 8 | `WARIFUMI` |
/// | 8 | 2 | version, 1 |
/// | 10 | 2 | length of the medium id, 4 to 64 |
/// | 12 | 8 | when the medium was made, in seconds since 1970 |
/// | 20 | 2 | length of the factory's signature, 0 to 256 |
/// | 22 | | the medium id, then the signature |
/// | behind | | zeros |
/// | last 4 | 4 | CRC-32C of all before |
///
/// Numbers are big-endian. The block lies where ``address(blockCount:blockSize:)`` says; it is embossed, so that no command
/// can write it.
public struct MediumIDSector: Hashable, Sendable {
  /// Octets of the shortest block that can hold every id and signature.
  public static let minimumBlockSize = 512

  private static let magic: [UInt8] = [0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x4D, 0x49]
  private static let version: UInt16 = 1

  /// The medium id.
  public let mediumID: [UInt8]
  /// When the medium was made, in seconds since 1970.
  public let manufactured: UInt64
  /// The factory's signature; empty if the factory does not sign.
  public let signature: [UInt8]

  /// A block's content; `nil` if the id has a length that no medium id has, or the signature over 256 octets.
  public init?(mediumID: [UInt8], manufactured: UInt64, signature: [UInt8] = []) {
    guard (4...64).contains(mediumID.count), mediumID.count % 4 == 0, signature.count <= 256 else { return nil }
    self.mediumID = mediumID
    self.manufactured = manufactured
    self.signature = signature
  }

  /// Where the block lies: at the beginning of the logical track, of 25 blocks of 512 octets or 17 of 2048, in which the
  /// middle of the medium is. So never among the first or the last 256 blocks, which partition tables and tests use.
  public static func address(blockCount: UInt64, blockSize: UInt32) -> UInt64 {
    let track: UInt64 = blockSize == 512 ? 25 : 17
    return blockCount / 2 / track * track
  }

  /// Reads a block.
  ///
  /// - Throws: ``OctetError/truncated`` for a block that is too short, ``OctetError/invalid`` for one that holds something
  ///   else, or this with a wrong checksum.
  public init(parsing block: RawSpan) throws(OctetError) {
    guard block.byteCount >= MediumIDSector.minimumBlockSize else { throw .truncated }
    var reader = OctetReader(block)
    guard try reader.take(8).octets == MediumIDSector.magic, try reader.u16() == MediumIDSector.version else {
      throw .invalid
    }
    let idLength = Int(try reader.u16())
    let manufactured = try reader.u64()
    let signatureLength = Int(try reader.u16())
    let mediumID = try reader.take(idLength).octets
    let signature = try reader.take(signatureLength).octets
    let end = block.byteCount - 4
    var checksum = OctetReader(block.extracting(end..<block.byteCount))
    guard reader.position <= end, try checksum.u32() == CRC32C.checksum(block.extracting(0..<end)),
      let sector = MediumIDSector(mediumID: mediumID, manufactured: manufactured, signature: signature)
    else { throw .invalid }
    self = sector
  }

  /// Appends the block.
  ///
  /// - Throws: ``OctetError/full`` if there is no room for it, or the block is too short.
  public func append(to buffer: OctetBuffer, blockSize: Int) throws(OctetError) {
    let start = buffer.count
    try buffer.append(MediumIDSector.magic.span.bytes)
    try buffer.append(MediumIDSector.version)
    try buffer.append(UInt16(truncatingIfNeeded: mediumID.count))
    try buffer.append(manufactured)
    try buffer.append(UInt16(truncatingIfNeeded: signature.count))
    try buffer.append(mediumID.span.bytes)
    try buffer.append(signature.span.bytes)
    let rest = blockSize - 4 - (buffer.count - start)
    guard rest >= 0 else { throw .full }
    try buffer.append(repeating: 0, count: rest)
    let checksum = buffer.withBytes { CRC32C.checksum($0.extracting(start..<$0.byteCount)) }
    try buffer.append(checksum)
  }
}
