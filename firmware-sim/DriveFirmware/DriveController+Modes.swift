import Octets
import SCSI

// MODE SENSE and MODE SELECT (SPC-4, 6.9 to 6.12).
extension DriveController {
  /// MODE SENSE: medium type, write protection and the pages there are.
  func modeSense(
    _ request: DriveCommand.ModeSense, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    guard request.control != .saved else { throw .sense(SenseData(.savingParametersNotSupported)) }
    let pages = ModePage.allCases.filter { request.page == 0x3F || request.page == $0.rawValue }
    guard !pages.isEmpty else { throw .invalidField(2, bit: 5) }
    guard request.subpage == 0 || request.subpage == 0xFF else { throw .invalidField(3) }
    let parameters = ModeParameters(
      mediumType: ModeParameters.MediumType(rawValue: medium?.profile.rawValue ?? 0),
      isWriteProtected: medium.map { $0.isWriteProtected || modes.isWriteProtected } ?? false,
      capacity: request.withoutBlockDescriptor ? nil : medium?.geometry.capacity,
      pages: pages.flatMap { modes.octets(of: $0, request.control) })
    return try answer(request.allocation, &dataIn) { (buffer) throws(OctetError) in
      try parameters.append(to: buffer, isLong: request.isLong)
    }
  }

  /// MODE SELECT: all of the list is put into force, or nothing; then every other initiator is told 6/2A/01.
  func modeSelect(
    _ request: DriveCommand.ModeSelect, _ dataOut: RawSpan, _ nexus: Nexus
  ) throws(CommandFailure) {
    guard request.isPageFormat else { throw .invalidField(1, bit: 4) }
    guard !request.isSaving else { throw .invalidField(1, bit: 0) }
    let length = Int(request.parameterListLength)
    try requireData(UInt64(length), dataOut)
    guard length > 0 else { return }
    let list = dataOut.extracting(0..<length)
    let changed = try modePages(in: list, behindHeaderOf: request.isLong)
    if changed.isWriteProtected, !modes.isWriteProtected, medium != nil { try synchronize() }
    guard changed != modes else { return }
    modes = changed
    medium?.isCaching = changed.isCaching
    for other in nexuses where other !== nexus { other.raise(.modeParametersChanged) }
  }

  private func modePages(in list: RawSpan, behindHeaderOf isLong: Bool) throws(CommandFailure) -> ModePages {
    let headerOctets = isLong ? 8 : 4
    guard list.byteCount >= headerOctets else { throw .sense(SenseData(.parameterListLengthError)) }
    let descriptorOctets =
      isLong ? Int(list[octet: 6]) << 8 | Int(list[octet: 7]) : Int(list[octet: 3])
    guard !isLong || list[octet: 4] & 0x01 == 0 else { throw .invalidParameter(4, bit: 0) }  // LONGLBA
    let descriptorEnd = headerOctets + descriptorOctets
    guard descriptorEnd <= list.byteCount else { throw .sense(SenseData(.parameterListLengthError)) }
    if descriptorOctets > 0 {
      guard descriptorOctets == 8 else { throw .invalidParameter(isLong ? 6 : 3) }
      try checkDescriptor(list, at: headerOctets)
    }

    var changed = modes
    var start = descriptorEnd
    while start < list.byteCount {
      let code = list[octet: start] & 0x3F
      guard list[octet: start] & 0x40 == 0, let page = ModePage(rawValue: code) else { throw .invalidParameter(start) }
      guard start + 2 <= list.byteCount else { throw .sense(SenseData(.parameterListLengthError)) }
      guard Int(list[octet: start + 1]) == page.octetCount - 2 else { throw .invalidParameter(start + 1) }
      let end = start + page.octetCount
      guard end <= list.byteCount else { throw .sense(SenseData(.parameterListLengthError)) }
      do throws(ModePages.UnchangeableOctet) {
        changed = try changed.setting(page, to: list.extracting(start..<end))
      } catch {
        throw .invalidParameter(start + error.offset)
      }
      start = end
    }
    return changed
  }

  /// A block descriptor may say what is so anyway: the medium's blocks, or 0 for all of them, and their size.
  private func checkDescriptor(_ list: RawSpan, at offset: Int) throws(CommandFailure) {
    guard let capacity = medium?.geometry.capacity else { throw .sense(SenseData(.mediumNotPresent)) }
    var count: UInt64 = 0
    for index in 0..<4 { count = count << 8 | UInt64(list[octet: offset + index]) }
    guard count == 0 || count == capacity.blockCount else { throw .invalidParameter(offset) }
    var size: UInt32 = 0
    for index in 5..<8 { size = size << 8 | UInt32(list[octet: offset + index]) }
    guard size == capacity.blockSize else { throw .invalidParameter(offset + 5) }
  }
}
