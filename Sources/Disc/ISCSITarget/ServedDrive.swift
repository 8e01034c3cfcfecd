import DiscEmulator
import ISCSI
import SCSI

/// A shared drive as the target meets it.
final class ServedDrive: TargetDevice {
  private let drive: SharedDrive

  init(_ drive: SharedDrive) { self.drive = drive }

  func connect(_ identity: InitiatorIdentity) -> any TargetPort { drive.connect(identity, reportsResiduals: true) }
}

extension DrivePort: TargetPort {
  /// CLEAR TASK SET.
  public func clearTaskSet(losers: [any TargetPort]) {
    clearTaskSet(losers: losers.compactMap { $0 as? DrivePort })
  }
}
