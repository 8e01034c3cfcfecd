/// What a PDU is for (RFC 7143, 11.2.1.2).
public enum Opcode: UInt8, Hashable, Sendable, CaseIterable {
  /// NOP-Out: the initiator's ping, or its answer to the target's.
  case nopOut = 0x00
  /// SCSI Command.
  case scsiCommand = 0x01
  /// SCSI Task Management Function Request.
  case taskManagementRequest = 0x02
  /// Login Request.
  case loginRequest = 0x03
  /// Text Request.
  case textRequest = 0x04
  /// SCSI Data-Out.
  case dataOut = 0x05
  /// Logout Request.
  case logoutRequest = 0x06
  /// SNACK Request.
  case snackRequest = 0x10
  /// NOP-In: the target's ping, or its answer to the initiator's.
  case nopIn = 0x20
  /// SCSI Response.
  case scsiResponse = 0x21
  /// SCSI Task Management Function Response.
  case taskManagementResponse = 0x22
  /// Login Response.
  case loginResponse = 0x23
  /// Text Response.
  case textResponse = 0x24
  /// SCSI Data-In.
  case dataIn = 0x25
  /// Logout Response.
  case logoutResponse = 0x26
  /// Ready To Transfer.
  case readyToTransfer = 0x31
  /// Asynchronous Message.
  case asynchronousMessage = 0x32
  /// Reject.
  case reject = 0x3F

  /// Whether an initiator sends it.
  public var isFromInitiator: Bool { rawValue < 0x20 }
}
