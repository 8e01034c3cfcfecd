import DiscDriver
import DiscEmulator
import SCSI

extension DiscError: FailureConvertible {
  var failure: Failure {
    let reason = sense.map { " (sense \($0.code))" } ?? ""
    return Failure(exitStatus, operation + reason, remedy: remedy)
  }

  private var exitStatus: ExitStatus {
    switch code {
    case .noDrive, .noMedium, .notPermitted: .noDevice
    case .busy, .mediumChanged, .writing: discMayHaveChanged ? .transport : .busy
    case .powerLost, .mediumFailure, .driveFailure: .transport
    case .noIdentity, .notAuthentic, .unformatted, .damaged, .foreign, .unsupported, .notFound, .invalidArgument:
      .badInput
    case .writeProtected, .refused, .notEmpty, .full: .failed
    }
  }
}

extension DiscImageError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch code {
      case .notFound, .notPermitted: .noDevice
      case .inUse: .busy
      case .notAnImage, .unsupportedVersion, .wrongSize, .damagedHeader, .damagedFactoryRecord, .damagedDefectLists,
        .damagedSectorStates,
        .invalidParameter:
        .badInput
      case .exists, .diskFull: .failed
      case .inputOutput: .transport
      }
    return Failure(status, "cannot use the disc \(path): \(reason)", remedy: remedy)
  }
}

extension MasterDiscError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch code {
      case .notFound, .accessDenied: .noDevice
      case .invalidArgument, .lengthMismatch, .notAMasterDisc, .truncated, .damaged, .unsupported, .tooLarge: .badInput
      case .exists, .noSpace: .failed
      case .inputOutput: .transport
      }
    return Failure(status, operation, remedy: remedy)
  }
}
