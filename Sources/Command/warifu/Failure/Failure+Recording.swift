import CardDriver
import Glibc

extension CardRecordingError: FailureConvertible {
  var failure: Failure {
    switch code {
    case .file(let code):
      Failure(
        .noDevice, "cannot use the recording \(path): \(String(cString: strerror(code)))",
        remedy: "check the path and its permissions")
    case .exists: Failure(.failed, "there is a file at \(path) already", remedy: "choose another name")
    case .notARecording: Failure(.badInput, "\(path) is no recording", remedy: "name one that --record made")
    case .notAuthentic:
      Failure(
        .refused, "the recording \(path) does not open", remedy: "give the key it was made under with --card-key")
    case .tooLong: Failure(.badInput, "the recording \(path) is too long", remedy: "record a shorter session")
    }
  }
}
