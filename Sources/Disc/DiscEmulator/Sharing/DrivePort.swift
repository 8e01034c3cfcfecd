import DriveFirmware
import SCSI

/// One initiator's connection to a ``SharedDrive`` (an I_T nexus); it ends with the object.
public final class DrivePort: CDBTransport, Sendable {
  /// The drive.
  public let drive: SharedDrive
  /// Used under the drive's lock only.
  nonisolated(unsafe) private let nexus: Nexus

  init(to drive: SharedDrive, _ nexus: Nexus) {
    self.drive = drive
    self.nexus = nexus
  }

  deinit { drive.withController { $0.disconnect(nexus) } }

  /// Executes one command, when those of other ports that came before are done.
  public func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn, from: nexus)
  }

  /// What the command in `cdb` would move between host and drive now; nothing if it is no command of the drive.
  public func transfer(of cdb: RawSpan) -> DataTransfer {
    guard let command = try? DriveCommand(parsing: cdb) else { return .none }
    // Without a medium no blocks move, but room is made for them as if they were of the smaller size.
    return command.transfer(blockSize: drive.blockSize ?? 512)
  }

  /// Goes up whenever this initiator's commands that were not executed yet are aborted, by whatever.
  public var taskSetGeneration: UInt32 { drive.withController { _ in nexus.taskSetGeneration } }

  /// LOGICAL UNIT RESET.
  public func resetLogicalUnit() { drive.withController { $0.reset(.logicalUnit) } }

  /// TARGET WARM RESET, and the drive's part of TARGET COLD RESET.
  public func resetTarget() { drive.withController { $0.reset(.target) } }

  /// The initiator was away and is there again: it is told 6/29/07.
  public func noteNexusLoss() { drive.withController { $0.reset(.nexusLoss(nexus)) } }

  /// ABORT TASK SET.
  public func abortTaskSet() { drive.withController { $0.abortTaskSet(of: nexus) } }

  /// CLEAR TASK SET; `losers` had commands waiting and are told 6/2F/00.
  public func clearTaskSet(losers: [DrivePort]) {
    drive.withController { $0.clearTaskSet(by: nexus, losers: losers.map(\.nexus)) }
  }
}
