import DriveFirmware
import Octets

extension FactoryRecord {
  private static let magic: [UInt8] = Array("WARIFUID".utf8)
  private static let version: UInt16 = 1

  /// The 4096 octets of one copy.
  func page() -> [UInt8] {
    ImagePage.encode(FactoryRecord.magic) { (buffer) throws(OctetError) in
      try buffer.append(FactoryRecord.version)
      try buffer.append(manufactured)
      try buffer.append(UInt16(mediumID.count))
      try buffer.append(mediumID.span.bytes)
      try buffer.append(UInt16(signature.count))
      try buffer.append(signature.span.bytes)
    }
  }

  /// Reads one copy; `nil` if it is damaged.
  init?(parsing page: [UInt8]) {
    guard ImagePage.isIntact(page) else { return nil }
    var reader = OctetReader(page.span.bytes)
    do throws(OctetError) {
      guard try reader.take(8).octets == FactoryRecord.magic, try reader.u16() == FactoryRecord.version else {
        return nil
      }
      let manufactured = try reader.u64()
      let mediumID = try reader.take(Int(try reader.u16())).octets
      let signature = try reader.take(Int(try reader.u16())).octets
      self.init(mediumID: mediumID, manufactured: manufactured, signature: signature)
    } catch {
      return nil
    }
  }
}
