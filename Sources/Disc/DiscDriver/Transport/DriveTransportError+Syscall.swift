import Glibc
import SCSI

extension DriveTransportError {
  /// What to do about a device that is there but not for this user.
  static let ruleRemedy =
    "install udev/70-warifu-optical-memory.rules, which gives optical drives to the user at the screen, or run this "
    + "as root"

  /// What is there, but is no drive.
  static func notADrive(_ path: String, _ why: String, _ remedy: String) -> DriveTransportError {
    DriveTransportError(
      .notADrive, operation: "'\(path)' is no drive: \(why)", discMayHaveChanged: false, remedy: remedy)
  }

  /// stat(2) or open(2) of a device failed.
  static func opening(_ path: String, _ number: Int32) -> DriveTransportError {
    let (code, remedy): (Code, String) =
      switch number {
      case ENOENT, ENOTDIR: (.noDrive, "check the name; `lsscsi -g` lists drives and their devices")
      case ENODEV, ENXIO: (.noDrive, "the drive is not attached any more; check its cable and its power")
      case EACCES, EPERM: (.notPermitted, ruleRemedy)
      case EBUSY: (.busy, "another program has the drive to itself; end that and try again")
      case ENOMEDIUM: (.noDrive, "put a disc into the drive")
      default: (.noDrive, "check that it is a drive of this machine")
      }
    return DriveTransportError(
      code, operation: "cannot open '\(path)' (\(text(number)))", discMayHaveChanged: false, remedy: remedy)
  }

  /// ioctl(2) SG_IO failed.
  ///
  /// - Parameter mayChange: whether the command, if it was executed, may have changed the medium.
  static func call(_ path: String, _ number: Int32, mayChange: Bool) -> DriveTransportError {
    let (code, remedy, wasSent): (Code, String, Bool) =
      switch number {
      case EPERM, EACCES:
        (
          .notPermitted,
          "the system lets only root (CAP_SYS_RAWIO) send this command; run this as root, or let the rules in udev/ ask",
          false
        )
      case ENODEV, ENXIO: (.noDrive, "the drive is not attached any more; check its cable and its power", true)
      case EBUSY, EAGAIN, EDOM: (.busy, "the drive has no room for another command; try again", false)
      case ENOMEM: (.busy, "the system has no memory for so large a transfer; try again", false)
      case ENOTTY: (.notADrive, "it takes no SCSI commands; name a device such as /dev/sg1 or /dev/sdb", false)
      case EINVAL: (.protocolViolation, "it is no SCSI device, or the transfer is too large for it", false)
      case ENOMEDIUM: (.noDrive, "put a disc into the drive", false)
      case EINTR: (.protocolViolation, "the command was broken off; look at the disc again", true)
      default: (.protocolViolation, "check the drive's cable, its power and the system's log", true)
      }
    return DriveTransportError(
      code, operation: "'\(path)' did not take the command (\(text(number)))",
      discMayHaveChanged: mayChange && wasSent, remedy: remedy)
  }

  private static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
