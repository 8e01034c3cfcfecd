/// The class of a failure (SPC-4, 4.5.6, table 47).
public enum SenseKey: UInt8, Hashable, Sendable, CaseIterable {
  /// Nothing to tell.
  case noSense = 0x0
  /// The command succeeded after the drive helped itself.
  case recoveredError = 0x1
  /// The drive cannot be accessed now: no medium, not spinning, ...
  case notReady = 0x2
  /// A flaw of the medium, or an error in what was recorded on it.
  case mediumError = 0x3
  /// The drive itself failed.
  case hardwareError = 0x4
  /// The command, one of its fields or its data is not acceptable.
  case illegalRequest = 0x5
  /// The medium may have changed, or the drive was reset. Reported once; the command was not executed.
  case unitAttention = 0x6
  /// The block is protected against the operation.
  case dataProtect = 0x7
  /// A block that nothing was written to was found where a written one was needed.
  case blankCheck = 0x8
  /// Whatever the vendor says.
  case vendorSpecific = 0x9
  /// A copy manager failed.
  case copyAborted = 0xA
  /// The drive aborted the command: try again.
  case abortedCommand = 0xB
  /// MEDIUM SCAN found what it looked for (SCSI-2; reserved since).
  case equal = 0xC
  /// Data stayed in the buffer that could not be put on the medium.
  case volumeOverflow = 0xD
  /// What was sent and what is on the medium differ.
  case miscompare = 0xE
  /// The command completed with something to tell.
  case completed = 0xF
}
