import Octets
import SCSI

// Commands that tell about the drive and the medium (SPC-4, SBC-3).
extension DriveController {
  /// INQUIRY, standard data.
  func inquire(_ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    try answer(allocation, &dataIn) { [configuration] (buffer) throws(OctetError) in
      try InquiryData(
        peripheralType: configuration.peripheralType, vendor: configuration.vendor, product: configuration.product,
        revision: configuration.revision
      ).append(to: buffer)
    }
  }

  /// INQUIRY, a vital product data page.
  func inquire(page: UInt8, _ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    guard let page = VitalProductDataPage(rawValue: page) else {
      throw .sense(SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 2)))
    }
    return try answer(allocation, &dataIn) { [configuration] (buffer) throws(OctetError) in
      try buffer.appendVitalProductData(page, of: configuration.peripheralType) { (buffer) throws(OctetError) in
        switch page {
        case .supportedPages:
          for page in VitalProductDataPage.allCases { try buffer.append(page.rawValue) }
        case .unitSerialNumber:
          try buffer.append(configuration.serialNumber.octets.span.bytes)
        case .deviceIdentification:
          try configuration.designator.append(to: buffer)
        }
      }
    }
  }

  /// REPORT LUNS: LUN 0 is all there is; no well-known logical units (select 01h).
  func reportLUNs(
    _ select: UInt8, _ allocation: UInt32, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      let listLength: UInt32 = select == 1 ? 0 : 8
      try buffer.append(listLength)
      try buffer.append(repeating: 0, count: 4 + Int(listLength))
    }
  }

  /// READ CAPACITY (10).
  func readCapacity10(_ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    let capacity = try readyMedium().geometry.capacity
    return try answer(UInt32(Capacity.shortOctetCount), &dataIn) { (buffer) throws(OctetError) in
      try capacity.append(shortTo: buffer)
    }
  }

  /// READ CAPACITY (16).
  func readCapacity16(_ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    let capacity = try readyMedium().geometry.capacity
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in try capacity.append(longTo: buffer) }
  }

  /// READ MEDIA SERIAL NUMBER: the medium id, from the factory record.
  func readMediaSerialNumber(_ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    let number = MediaSerialNumber(try readyMedium().factoryRecord.mediumID)
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in try number.append(to: buffer) }
  }

  /// MODE SENSE: medium type, write protection and the pages there are.
  func modeSense(
    _ request: DriveCommand.ModeSense, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    guard request.control != .saved else { throw .sense(SenseData(.savingParametersNotSupported)) }
    let pages = ModePage.allCases.filter { request.page == 0x3F || request.page == $0.rawValue }
    guard !pages.isEmpty else { throw .sense(SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 2, bit: 5))) }
    guard request.subpage == 0 || (request.subpage == 0xFF && request.page == 0x3F) else {
      throw .sense(SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 3)))
    }
    let parameters = ModeParameters(
      mediumType: medium == nil ? .none : .opticalRewritable, isWriteProtected: medium?.isWriteProtected ?? false,
      capacity: request.withoutBlockDescriptor ? nil : medium?.geometry.capacity,
      pages: pages.flatMap { $0.octets(request.control) })
    return try answer(request.allocation, &dataIn) { (buffer) throws(OctetError) in
      try parameters.append(to: buffer, isLong: request.isLong)
    }
  }

  /// Makes an answer and copies what the host has room for.
  private func answer(
    _ allocation: UInt32, _ dataIn: inout MutableRawSpan, _ body: (OctetBuffer) throws(OctetError) -> Void
  ) throws(CommandFailure) -> Int {
    response.removeAll()
    do throws(OctetError) {
      try body(response)
    } catch {
      throw .sense(SenseData(.internalTargetFailure))  // no answer is as large as the buffer
    }
    return response.withBytes { DriveController.copy($0, allocation, &dataIn) }
  }

  /// Copies sense data into the host's room.
  func copy(_ sense: InlineArray<18, UInt8>, _ allocation: UInt32, _ dataIn: inout MutableRawSpan) -> Int {
    DriveController.copy(sense.span.bytes, allocation, &dataIn)
  }

  private static func copy(_ bytes: RawSpan, _ allocation: UInt32, _ dataIn: inout MutableRawSpan) -> Int {
    let count = min(bytes.byteCount, Int(clamping: allocation), dataIn.byteCount)
    dataIn.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: target[0..<count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<count]))
      }
    }
    return count
  }
}

extension MediumGeometry {
  /// What READ CAPACITY says.
  var capacity: Capacity { Capacity(blockCount: UInt64(blockCount), blockSize: blockSize) }
}

extension DriveConfiguration {
  /// The drive's T10 designator: vendor, padded to 8, product and serial number (SPC-4, 7.8.6.3).
  var designator: Designator {
    var octets: [UInt8] = []
    for index in 0..<8 { octets.append(index < vendor.octets.count ? vendor.octets[index] : 0x20) }
    return Designator(type: 1, codeSet: 2, octets: octets + product.octets + serialNumber.octets)
  }
}

/// The mode pages there are (SPC-4, 7.5; SBC-3, 6.4).
enum ModePage: UInt8, CaseIterable {
  /// Caching: what is written is lasting only after SYNCHRONIZE CACHE (WCE).
  case caching = 0x08
  /// Control.
  case control = 0x0A

  /// The page as MODE SENSE gives it. Nothing is changeable.
  func octets(_ values: DriveCommand.ModeSense.Control) -> [UInt8] {
    let length = self == .caching ? 20 : 12
    var octets = [UInt8](repeating: 0, count: length)
    octets[0] = rawValue
    octets[1] = UInt8(length - 2)
    if self == .caching, values != .changeable { octets[2] = 0x04 }
    return octets
  }
}
