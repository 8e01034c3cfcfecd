import Octets
import SCSI

// Commands that work on sectors rather than on data: erasing, scanning, formatting, defects (SBC-3; SCSI-2, clause 16).
extension DriveController {
  /// ERASE: the blocks read 8/00/00 until they are written again.
  func erase(_ range: BlockRange, toEnd: Bool) throws(CommandFailure) {
    let medium = try readyMedium()
    try require(range, on: medium)
    guard !toEnd || range.count == 0 else { throw .invalidField(1, bit: 2) }
    let range = toEnd ? DriveController.rest(from: range.first, of: medium) : range
    try requireWritable(range, on: medium)
    guard range.count > 0 else { return }
    do throws(MediumError) { try medium.erase(range) } catch { throw CommandFailure(error) }
  }

  /// MEDIUM SCAN: the first run of written, or of blank, blocks. Found: CONDITION MET, and REQUEST SENSE tells C/00/00 with
  /// its first block; not found: GOOD.
  func scan(_ request: DriveCommand.MediumScan, _ dataOut: RawSpan, _ nexus: Nexus) throws(CommandFailure) {
    let medium = try readyMedium()
    try require(BlockRange(first: request.first, count: 0), on: medium)
    let rest = DriveController.rest(from: request.first, of: medium)
    var wanted: UInt32 = 1
    var toScan = rest.count
    if request.parameterListLength > 0 {
      guard request.parameterListLength == 8 else { throw .sense(SenseData(.parameterListLengthError)) }
      try requireData(8, dataOut)
      wanted = max(DriveController.number(dataOut, at: 0), 1)
      let count = DriveController.number(dataOut, at: 4)
      guard count <= rest.count else {
        throw .sense(SenseData(.blockAddressOutOfRange, information: rest.first + UInt64(rest.count)))
      }
      if count > 0 { toScan = count }
    }
    let range = BlockRange(first: request.first, count: toScan)
    guard let found = try firstRun(of: wanted, in: range, written: request.forWritten, on: medium) else { return }
    nexus.scanResult = SenseData(.scanSatisfied, information: found)
    throw .status(.conditionMet)
  }

  /// Where the first `wanted` blocks in a row that are written, or blank, begin. A block that cannot be read is written.
  private func firstRun(
    of wanted: UInt32, in range: BlockRange, written: Bool, on medium: any Medium
  ) throws(CommandFailure) -> UInt64? {
    var run: UInt32 = 0
    for index in 0..<range.count {
      let block = range.first + UInt64(index)
      let isWritten: Bool
      do throws(MediumError) {
        try medium.verify(BlockRange(first: block, count: 1))
        isWritten = true
      } catch {
        switch error {
        case .blank: isWritten = false
        case .unreadable: isWritten = true
        default: throw CommandFailure(error)
        }
      }
      run = isWritten == written ? run + 1 : 0
      if run == wanted { return block + 1 - UInt64(wanted) }
    }
    return nil
  }

  /// FORMAT UNIT: of a medium that is protected anywhere, nothing is formatted.
  func format(_ command: DriveCommand.FormatUnit, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    let request = try FormatRequest(command, dataOut, blockCount: medium.geometry.blockCount)
    try requireWritable(DriveController.rest(from: 0, of: medium), on: medium)
    do throws(MediumError) { try medium.format(request) } catch { throw CommandFailure(error) }
  }

  /// REASSIGN BLOCKS (SBC-3, 5.22): all addresses are checked before the first block moves.
  func reassign(_ longAddresses: Bool, _ longList: Bool, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    let blocks = try DefectList(
      dataOut, lengthAt: longList ? 0 : 2, lengthOctets: longList ? 4 : 2, headerOctets: 4,
      format: longAddresses ? .longBlock : .shortBlock)
    for block in blocks.addresses { try requireWritable(BlockRange(first: block, count: 1), on: medium) }
    do throws(MediumError) {
      for block in blocks.addresses { try medium.reassign(block) }
    } catch {
      throw CommandFailure(error)
    }
  }

  /// READ DEFECT DATA (SBC-3, 5.19). A list in a format that the drive does not have is 1/1C/00.
  func readDefectData(
    _ request: DriveCommand.ReadDefectData, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    let medium = try readyMedium()
    let lists = medium.defects
    let format = DefectFormat(rawValue: request.format)
    guard format != nil || !(request.primary || request.grown) else {
      throw .sense(SenseData(.defectListNotFound))
    }
    let spelt = format ?? .physicalSector
    var entries: [DefectLists.Entry] = []
    if request.primary { entries += lists.primary }
    if request.grown { entries += lists.grown }
    if spelt != .physicalSector { entries.removeAll { $0.block == nil } }
    entries.removeFirst(min(Int(clamping: request.startIndex), entries.count))

    let room = min(Int(clamping: request.allocation), dataIn.byteCount)
    let flags = (request.primary ? 0x10 : 0) | (request.grown ? 0x08 : 0) | spelt.rawValue
    let octets = entries.count * spelt.octetCount
    var written = try answer(request.allocation, &dataIn) { (buffer) throws(OctetError) in
      try buffer.append(UInt8(0))
      try buffer.append(flags)
      try buffer.append(request.isLong ? UInt16(0) : UInt16(clamping: octets))
      if request.isLong { try buffer.append(UInt32(clamping: octets)) }
    }
    for entry in entries {
      guard written < room else { break }
      let address = DriveController.spell(entry, as: spelt, on: medium.geometry)
      let count = min(spelt.octetCount, room - written)
      DriveController.copy(address.span.bytes.extracting(0..<count), to: written, of: &dataIn)
      written += count
    }
    return written
  }

  /// A defect's address; the first ``DefectFormat/octetCount`` octets count.
  private static func spell(
    _ entry: DefectLists.Entry, as format: DefectFormat, on geometry: MediumGeometry
  ) -> InlineArray<8, UInt8> {
    let number: UInt64
    switch format {
    case .shortBlock: number = (entry.block ?? 0) << 32
    case .longBlock: number = entry.block ?? 0
    case .physicalSector:
      let track = UInt64(entry.sector / geometry.sectorsPerTrack)
      number = track << 40 | UInt64(entry.sector % geometry.sectorsPerTrack)
    }
    return InlineArray { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
  }

  /// SEND DIAGNOSTIC: the self-test finds the drive well; there are no diagnostic pages.
  func sendDiagnostic(_ selfTest: Bool, _ parameterListLength: UInt32) throws(CommandFailure) {
    guard parameterListLength == 0 else { throw .invalidField(3) }
  }

  private static func number(_ bytes: RawSpan, at offset: Int) -> UInt32 {
    var number: UInt32 = 0
    for index in 0..<4 { number = number << 8 | UInt32(bytes[octet: offset + index]) }
    return number
  }
}
