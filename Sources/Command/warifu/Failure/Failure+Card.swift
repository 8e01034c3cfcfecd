import CardDriver
import CardEmulator
import ISO7816
import SecureChannel

extension CardError: FailureConvertible {
  var failure: Failure { Failure(exitStatus, "cannot \(operation)", remedy: remedy) }

  private var exitStatus: ExitStatus {
    switch code {
    case .transport(let code): code.exitStatus(mayHaveChanged: cardMayHaveChanged)
    case .wrongReferenceData, .refused(.securityStatusNotSatisfied), .refused(.authenticationMethodBlocked): .refused
    case .refused(.wrongLength): .badInput
    case .refused: .failed
    case .unexpectedAnswer: .transport
    case .secureChannel: .refused
    case .tooLong: .badInput
    }
  }
}

extension CardTransportError: FailureConvertible {
  var failure: Failure {
    Failure(code.exitStatus(mayHaveChanged: cardMayHaveChanged), "cannot \(operation)", remedy: remedy)
  }
}

extension CardTransportError.Code {
  /// Busy and reset promise that nothing was written; where that is not sure, the line failed.
  fileprivate func exitStatus(mayHaveChanged: Bool) -> ExitStatus {
    switch self {
    case .noCard, .unknownReader: .noDevice
    case .ambiguousReader: .usage
    case .busy, .cardWasReset: mayHaveChanged ? .transport : .busy
    case .cardRemoved, .protocolViolation, .unresponsive, .timeout: .transport
    case .unavailable: .unavailable
    case .cancelled: .interrupted
    }
  }
}

extension CardStateError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch code {
      case .unreadable: .noDevice
      case .exists: .failed
      case .busy: .busy
      case .notACard, .wrongSize, .damaged: .badInput
      case .notAuthentic: .refused
      case .storage: .transport
      }
    guard code != .busy else {
      return Failure(
        status, "the card \(path) is in use by another process",
        remedy: "if 'warifu card insert' has it, name its --reader or --card-socket; else end that process")
    }
    return Failure(status, "cannot use the card", remedy: description)
  }
}
