import SCSI

// Which command is carried out where.
extension DriveController {
  /// Executes a command and returns how many octets went into `dataIn`.
  func perform(
    _ command: DriveCommand, _ dataOut: RawSpan, _ dataIn: inout MutableRawSpan, _ nexus: Nexus
  ) throws(CommandFailure) -> Int {
    switch command {
    case .read(let range, _): return try read(range, &dataIn, nexus)
    case .write(let range, let forceUnitAccess):
      try write(range, dataOut, nexus)
      if forceUnitAccess { try synchronize() }
      return 0
    case .requestSense(let descriptors, let allocation):
      return try requestSense(descriptors, allocation, &dataIn, nexus)
    case .inquiry(let allocation): return try inquire(allocation, &dataIn)
    case .inquiryPage(let page, let allocation): return try inquire(page: page, allocation, &dataIn)
    case .reportLUNs(let select, let allocation): return try reportLUNs(select, allocation, &dataIn)
    case .reportSupportedOperationCodes(let query): return try reportOperationCodes(query, &dataIn)
    case .reportSupportedTaskManagementFunctions(let extended, let allocation):
      return try reportTaskManagementFunctions(extended, allocation, &dataIn)
    case .readCapacity10: return try readCapacity10(&dataIn)
    case .readCapacity16(let allocation): return try readCapacity16(allocation, &dataIn)
    case .getLBAStatus(let first, let allocation): return try getLBAStatus(first, allocation, &dataIn)
    case .readMediaSerialNumber(let allocation): return try readMediaSerialNumber(allocation, &dataIn)
    case .securityProtocolIn(let request): return try securityProtocolIn(request, &dataIn, nexus)
    case .readDefectData(let request): return try readDefectData(request, &dataIn)
    case .modeSense(let request): return try modeSense(request, &dataIn)
    case .persistentReserveIn(let query, let allocation): return try reservations(query, allocation, &dataIn)
    default:
      try performSilently(command, dataOut, nexus)
      return 0
    }
  }

  /// Executes a command that has no answer.
  private func performSilently(
    _ command: DriveCommand, _ dataOut: RawSpan, _ nexus: Nexus
  ) throws(CommandFailure) {
    switch command {
    case .testUnitReady, .rezeroUnit: _ = try readyMedium()
    case .sendDiagnostic(let selfTest, let length): try sendDiagnostic(selfTest, length)
    case .seek(let block): try require(BlockRange(first: block, count: 0), on: try readyMedium())
    case .preFetch(let range): try require(range, on: try readyMedium())  // no memory is kept for reading ahead
    case .verify(let range, let comparison): try verify(range, comparison, dataOut)
    case .writeAndVerify(let range, let comparing): try writeAndVerify(range, comparing, dataOut, nexus)
    case .writeSame(let request): try writeSame(request, dataOut)
    case .compareAndWrite(let range, let forceUnitAccess): try compareAndWrite(range, forceUnitAccess, dataOut)
    case .orWrite(let range, let forceUnitAccess): try orWrite(range, forceUnitAccess, dataOut)
    case .synchronizeCache(let range): try synchronize(range)
    case .erase(let range, let toEnd): try erase(range, toEnd: toEnd)
    case .mediumScan(let request): try scan(request, dataOut, nexus)
    case .formatUnit(let request): try format(request, dataOut)
    case .reassignBlocks(let longAddresses, let longList): try reassign(longAddresses, longList, dataOut)
    case .modeSelect(let request): try modeSelect(request, dataOut, nexus)
    case .startStopUnit(let request): try startStop(request, nexus)
    case .preventAllowMediumRemoval(let prevent): nexus.preventsRemoval = prevent
    case .securityProtocolOut(let request): try securityProtocolOut(request, dataOut, nexus)
    case .reserve: try reserve(nexus)
    case .release: try release(nexus)
    case .persistentReserveOut(let action, let scopeAndType, let length):
      try reserve(action, scopeAndType, length, dataOut, nexus)
    default: throw .sense(SenseData(.internalTargetFailure))  // all others have an answer
    }
  }
}
