import DiscEmulator
import DriveFirmware
import ISCSITarget

extension ISCSITargetError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch self {
      case .cannotListen: .failed
      case .isRunning: .bug
      case .badName, .mutualAlone: .usage
      case .badSecret, .sameSecret: .badInput
      }
    // What happened, and then what to do, each a sentence.
    let parts = description.split(separator: ". ", maxSplits: 1).map(String.init)
    return Failure(status, parts[0], remedy: parts.count > 1 ? parts[1] : "see 'warifu disc serve --help'")
  }
}

extension DriveController.MechanismError: FailureConvertible {
  var failure: Failure {
    switch self {
    case .occupied: Failure(.failed, "there is a disc in the drive", remedy: "eject it first")
    case .empty: Failure(.failed, "there is no disc in the drive", remedy: "insert it first")
    case .removalPrevented:
      Failure(.busy, "an initiator has locked the disc in", remedy: "have it unmount the disc, and eject it then")
    case .notSynchronized:
      Failure(
        .transport, "what was written could not be made lasting, so the disc stays in the drive",
        remedy: "check the storage that the image lies on")
    }
  }
}

extension MediumFaultsError: FailureConvertible {
  var failure: Failure { Failure(.usage, "--faults has no plan of faults", remedy: description) }
}
