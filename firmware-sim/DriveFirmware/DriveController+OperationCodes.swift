import Octets
import SCSI

// REPORT SUPPORTED OPERATION CODES (SPC-4, 6.35): the command table, told.
extension DriveController {
  /// All commands, or one.
  func reportOperationCodes(
    _ query: DriveCommand.OperationCodeQuery, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    if query.choice != .all { try checkChoice(query) }
    return try answer(query.allocation, &dataIn) { [configuration] (buffer) throws(OctetError) in
      if query.choice == .all {
        try configuration.appendAllCommands(to: buffer, withTimeouts: query.withTimeouts)
      } else {
        try configuration.appendCommand(query, to: buffer)
      }
    }
  }

  /// A service action must be asked for exactly where there are such.
  private func checkChoice(_ query: DriveCommand.OperationCodeQuery) throws(CommandFailure) {
    guard let operation = OperationCode(rawValue: query.operationCode), configuration.supports(operation) else {
      return
    }
    switch query.choice {
    case .operationCode where operation.hasServiceActions: throw .invalidField(2, bit: 2)
    case .serviceAction where !operation.hasServiceActions: throw .invalidField(2, bit: 2)
    default: return
    }
  }
}

extension DriveConfiguration {
  /// The form that `query` asks for, if the drive has it.
  private func form(_ query: DriveCommand.OperationCodeQuery) -> CommandForm? {
    guard let operation = OperationCode(rawValue: query.operationCode), supports(operation) else { return nil }
    guard !operation.hasServiceActions || query.serviceAction <= 0x1F else { return nil }
    return CommandForm(operation, second: UInt8(truncatingIfNeeded: query.serviceAction))
  }

  fileprivate func appendAllCommands(to buffer: OctetBuffer, withTimeouts: Bool) throws(OctetError) {
    var octets: UInt32 = 0
    CommandForm.forEach { if supports($0.operation) { octets += withTimeouts ? 20 : 8 } }
    try buffer.append(octets)
    try CommandForm.forEach { (form) throws(OctetError) in
      guard supports(form.operation) else { return }
      try buffer.append(form.operation.rawValue)
      try buffer.append(UInt8(0))
      try buffer.append(UInt16(form.serviceAction ?? 0))
      try buffer.append(UInt8(0))
      try buffer.append(UInt8((withTimeouts ? 0x02 : 0) | (form.serviceAction == nil ? 0 : 0x01)))  // CTDP, SERVACTV
      try buffer.append(UInt16(form.operation.cdbOctets))
      if withTimeouts { try form.appendTimeouts(to: buffer) }
    }
  }

  fileprivate func appendCommand(
    _ query: DriveCommand.OperationCodeQuery, to buffer: OctetBuffer
  ) throws(OctetError) {
    try buffer.append(UInt8(0))
    guard let form = form(query) else {
      try buffer.append(UInt8(0x01))  // not supported
      return try buffer.append(UInt16(0))
    }
    try buffer.append(UInt8(query.withTimeouts ? 0x83 : 0x03))  // CTDP; supported as the standard has it
    let count = form.operation.cdbOctets
    try buffer.append(UInt16(count))
    for index in 0..<count {
      try buffer.append(UInt8(truncatingIfNeeded: form.usage >> UInt128(8 * (count - 1 - index))))
    }
    if query.withTimeouts { try form.appendTimeouts(to: buffer) }
  }
}

extension CommandForm {
  /// Appends the timeouts descriptor (SPC-4, 6.35.4): how many seconds the command takes, and after how many to give up.
  fileprivate func appendTimeouts(to buffer: OctetBuffer) throws(OctetError) {
    let (nominal, recommended) = seconds
    try buffer.append(UInt16(10))
    try buffer.append(UInt16(0))
    try buffer.append(nominal)
    try buffer.append(recommended)
  }

  /// A medium of 2.3 GB turns past the head in ten minutes; a pass over all of it may take three times that.
  private var seconds: (nominal: UInt32, recommended: UInt32) {
    switch operation {
    case .formatUnit, .erase10, .erase12, .mediumScan, .writeSame10, .writeSame16, .verify12, .verify16: (600, 5400)
    case .startStopUnit, .synchronizeCache10, .synchronizeCache16, .reassignBlocks, .sendDiagnostic: (10, 60)
    default: (1, 30)
    }
  }
}
