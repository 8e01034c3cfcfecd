import DriveFirmware

/// Where the parts of an image lie. All numbers in an image are big-endian.
///
/// | offset | octets | part |
/// | --- | --- | --- |
/// | 0 | 4096 | header, copy A |
/// | 4096 | 4096 | header, copy B |
/// | 8192 | 4096 | factory record, copy A |
/// | 12288 | 4096 | factory record, copy B |
/// | 16384 | 4 × 131072 | defect management areas: primary and secondary defect list, four copies: ``DefectArea`` |
/// | 540672 | to 2097152 | one octet for each sector, spares behind user sectors: ``SectorState`` |
/// | 2097152 | | the blocks, contiguous: `image.img@@2M` for mtools, `offset=2097152` for others |
/// | behind, 4 KiB aligned | | the spare sectors |
struct ImageLayout {
  static let pageOctets = 4096
  static let headerOffsets: [UInt64] = [0, 4096]
  static let factoryOffsets: [UInt64] = [8192, 12288]
  static let defectAreasOffset: UInt64 = 16384
  static let defectAreaCount = 4
  static let defectAreaOctets: UInt64 = 131_072
  static let defectAreaOffsets = (0..<defectAreaCount).map { defectAreasOffset + UInt64($0) * defectAreaOctets }
  static let stateOffset: UInt64 = defectAreasOffset + 4 * defectAreaOctets
  static let dataOffset: UInt64 = 2_097_152

  let geometry: MediumGeometry

  /// Where the spare sectors begin.
  var spareOffset: UInt64 {
    let page = UInt64(ImageLayout.pageOctets)
    return (ImageLayout.dataOffset + geometry.userOctets + page - 1) / page * page
  }

  /// Octets in the file.
  var fileOctets: UInt64 { spareOffset + UInt64(geometry.spareCount) * UInt64(geometry.blockSize) }
}
