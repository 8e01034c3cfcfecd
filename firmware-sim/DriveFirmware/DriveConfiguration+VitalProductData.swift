import Octets
import SCSI

extension DriveConfiguration {
  /// Turns in a minute, as BLOCK DEVICE CHARACTERISTICS tells.
  static let rotationRate: UInt16 = 3600

  /// Appends the content of a vital product data page.
  func append(_ page: VitalProductDataPage, to buffer: OctetBuffer) throws(OctetError) {
    switch page {
    case .supportedPages: for page in VitalProductDataPage.allCases { try buffer.append(page.rawValue) }
    case .unitSerialNumber: try buffer.append(serialNumber.octets.span.bytes)
    case .deviceIdentification: try designator.append(to: buffer)
    case .extendedInquiry:
      try buffer.append(UInt8(0))
      try buffer.append(UInt8(0x07))  // HEADSUP, ORDSUP, SIMPSUP: commands are executed as they come
      try buffer.append(UInt8(0x01))  // V_SUP: there is a volatile cache
      try buffer.append(repeating: 0, count: 57)
    case .blockLimits:
      try buffer.append(UInt8(0))  // WSNZ: WRITE SAME of no blocks means all from the first on
      try buffer.append(UInt8(supports(.compareAndWrite) ? 0xFF : 0))
      try buffer.append(repeating: 0, count: 58)
    case .blockDeviceCharacteristics:
      try buffer.append(DriveConfiguration.rotationRate)
      try buffer.append(UInt8(0))
      try buffer.append(UInt8(0x02))  // 3.5 inches
      try buffer.append(repeating: 0, count: 56)
    case .logicalBlockProvisioning: try buffer.append(UInt32(0))  // fully provisioned
    }
  }

  /// The drive's T10 designator: vendor, padded to 8, product and serial number (SPC-4, 7.8.6.3).
  var designator: Designator {
    var octets: [UInt8] = []
    for index in 0..<8 { octets.append(index < vendor.octets.count ? vendor.octets[index] : 0x20) }
    return Designator(type: 1, codeSet: 2, octets: octets + product.octets + serialNumber.octets)
  }
}
