/// What a command moves between host and drive.
public enum DataTransfer: Hashable, Sendable {
  /// Nothing.
  case none
  /// At most so many octets to the host.
  case toHost(UInt64)
  /// So many octets to the drive.
  case toDrive(UInt64)
  /// A parameter list to the drive that tells its own length: what the host has, of which the drive takes at most so many
  /// octets.
  case listToDrive(atMost: UInt64)
}

extension DriveCommand {
  /// The most octets of a parameter list that tells its own length (FORMAT UNIT, REASSIGN BLOCKS).
  public static let maximumListOctets: UInt64 = 262_144

  /// What the command moves, on a medium with blocks of `blockSize` octets. For transports that reserve room ahead.
  public func transfer(blockSize: UInt32) -> DataTransfer {
    func octets(_ range: BlockRange) -> UInt64 { UInt64(range.count) * UInt64(blockSize) }
    switch self {
    case .testUnitReady, .rezeroUnit, .seek, .preFetch, .synchronizeCache, .erase, .startStopUnit,
      .preventAllowMediumRemoval, .reserve, .release:
      return .none
    case .requestSense(_, let allocation), .inquiry(let allocation), .inquiryPage(_, let allocation),
      .reportLUNs(_, let allocation), .reportSupportedTaskManagementFunctions(_, let allocation),
      .readCapacity16(let allocation), .getLBAStatus(_, let allocation), .readMediaSerialNumber(let allocation),
      .persistentReserveIn(_, let allocation):
      return .toHost(UInt64(allocation))
    case .reportSupportedOperationCodes(let query): return .toHost(UInt64(query.allocation))
    case .readDefectData(let request): return .toHost(UInt64(request.allocation))
    case .modeSense(let request): return .toHost(UInt64(request.allocation))
    case .readCapacity10: return .toHost(UInt64(Capacity.shortOctetCount))
    case .read(let range, _): return .toHost(octets(range))

    case .write(let range, _), .writeAndVerify(let range, _), .orWrite(let range, _), .verify(let range, .blocks):
      return range.count == 0 ? .none : .toDrive(octets(range))
    case .compareAndWrite(let range, _): return range.count == 0 ? .none : .toDrive(octets(range) * 2)
    case .writeSame(let request): return request.withoutData ? .none : .toDrive(UInt64(blockSize))
    case .verify(_, .none): return .none
    case .verify(let range, .oneBlock): return range.count == 0 ? .none : .toDrive(UInt64(blockSize))
    case .securityProtocolIn(let request): return .toHost(UInt64(request.octets))
    case .securityProtocolOut(let request): return request.octets == 0 ? .none : .toDrive(UInt64(request.octets))
    case .sendDiagnostic(_, let length), .persistentReserveOut(_, _, let length):
      return length == 0 ? .none : .toDrive(UInt64(length))
    case .modeSelect(let request):
      return request.parameterListLength == 0 ? .none : .toDrive(UInt64(request.parameterListLength))
    case .mediumScan(let request):
      return request.parameterListLength == 0 ? .none : .toDrive(UInt64(request.parameterListLength))
    case .formatUnit(let request):
      return request.hasParameterList ? .listToDrive(atMost: DriveCommand.maximumListOctets) : .none
    case .reassignBlocks: return .listToDrive(atMost: DriveCommand.maximumListOctets)
    }
  }
}
