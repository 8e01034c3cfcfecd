import CardDriver
import CopyLicensing
import DiscDriver
import Formats

extension LicensingError: FailureConvertible {
  var failure: Failure {
    let status: ExitStatus =
      switch code {
      case .notLicensed, .notAuthentic, .wrongMedium, .wrongCard, .wrongProfile, .notAttested, .notCertified, .expired,
        .noSuchTitle, .damaged, .notExecutable:
        .badInput
      case .cancelled: .interrupted
      case .file: .noDevice
      case .output: .transport
      case .card(let error): error.failure.status
      case .disc(let error): error.failure.status
      case .master(let error): error.failure.status
      case .format(let error): error.failure.status
      case .cryptography: .bug
      }
    // What the master disc's reader says names the image and the place in it.
    if case .master(let error) = code { return error.failure }
    return Failure(status, "cannot \(operation)", remedy: remedy)
  }
}
