import Octets
import SCSI

// Commands that tell about the drive and the medium (SPC-4, SBC-3).
extension DriveController {
  /// INQUIRY, standard data.
  func inquire(_ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    try answer(allocation, &dataIn) { [configuration] (buffer) throws(OctetError) in
      try InquiryData(
        peripheralType: configuration.peripheralType, vendor: configuration.vendor, product: configuration.product,
        revision: configuration.revision, standards: InquiryData.standards
      ).append(to: buffer)
    }
  }

  /// INQUIRY, a vital product data page.
  func inquire(page: UInt8, _ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    guard let page = VitalProductDataPage(rawValue: page) else { throw .invalidField(2) }
    return try answer(allocation, &dataIn) { [configuration] (buffer) throws(OctetError) in
      try buffer.appendVitalProductData(page, of: configuration.peripheralType) { (buffer) throws(OctetError) in
        try configuration.append(page, to: buffer)
      }
    }
  }

  /// REQUEST SENSE: what MEDIUM SCAN found, a unit attention, or nothing.
  func requestSense(
    _ descriptors: Bool, _ allocation: UInt32, _ dataIn: inout MutableRawSpan, _ nexus: Nexus
  ) throws(CommandFailure) -> Int {
    let sense = nexus.takeScanResult() ?? SenseData(nexus.takeAttention() ?? .noSense)
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      guard !descriptors else { return try sense.append(descriptorsTo: buffer) }
      let octets = sense.fixedFormat
      try buffer.append(octets.span.bytes)
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

  /// GET LBA STATUS: every block has its sector, so all from `first` on are mapped.
  func getLBAStatus(
    _ first: UInt64, _ allocation: UInt32, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    let medium = try readyMedium()
    try require(BlockRange(first: first, count: 0), on: medium)
    let rest = DriveController.rest(from: first, of: medium)
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      try buffer.append(UInt32(20))
      try buffer.append(UInt32(0))
      try buffer.append(rest.first)
      try buffer.append(rest.count)
      try buffer.append(UInt32(0))  // mapped
    }
  }

  /// READ MEDIA SERIAL NUMBER: the medium id, from the factory record.
  func readMediaSerialNumber(_ allocation: UInt32, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    let number = MediaSerialNumber(try readyMedium().factoryRecord.mediumID)
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in try number.append(to: buffer) }
  }

  /// REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: aborts, and resets of the logical unit, the target and a nexus.
  func reportTaskManagementFunctions(
    _ extended: Bool, _ allocation: UInt32, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      try buffer.append(UInt8(0xDA))  // ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, TARGET RESET
      try buffer.append(UInt8(0x01))  // I_T NEXUS RESET
      try buffer.append(repeating: 0, count: 1)
      try buffer.append(UInt8(extended ? 12 : 0))
      if extended { try buffer.append(repeating: 0, count: 12) }
    }
  }

  /// Makes an answer and copies what the host has room for.
  func answer(
    _ allocation: UInt32, _ dataIn: inout MutableRawSpan, _ body: (OctetBuffer) throws(OctetError) -> Void
  ) throws(CommandFailure) -> Int {
    response.removeAll()
    do throws(OctetError) {
      try body(response)
    } catch {
      throw .sense(SenseData(.internalTargetFailure))  // no answer is as large as the buffer
    }
    return response.withBytes { bytes in
      let count = min(bytes.byteCount, Int(clamping: allocation), dataIn.byteCount)
      DriveController.copy(bytes.extracting(0..<count), to: 0, of: &dataIn)
      return count
    }
  }

  /// Copies `bytes` into the host's room, as far as there is some from `offset` on.
  static func copy(_ bytes: RawSpan, to offset: Int, of dataIn: inout MutableRawSpan) {
    let count = min(bytes.byteCount, dataIn.byteCount - offset)
    guard count > 0 else { return }
    dataIn.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: target[offset..<(offset + count)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<count]))
      }
    }
  }
}

extension MediumGeometry {
  /// What READ CAPACITY says.
  var capacity: Capacity { Capacity(blockCount: UInt64(blockCount), blockSize: blockSize) }
}
