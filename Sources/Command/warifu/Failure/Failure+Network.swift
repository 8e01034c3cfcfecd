import CenterClient
import ISO7816

extension CenterClientError: FailureConvertible {
  var failure: Failure {
    let word = card?.statusWord.map { " (the card answered \(StatusWord(rawValue: $0).meaning))" } ?? ""
    var failure = Failure(exitStatus, "\(operation) failed\(word)", remedy: remedy)
    if let requestID { failure.sentence += " (request \(requestID) in the centre's log)" }
    return failure
  }

  private var exitStatus: ExitStatus {
    switch code {
    case .invalid: .usage
    case .unreachable: .unavailable
    case .problem(let kind): CenterClientError.exitStatus(of: kind)
    case .answerInvalid, .notTheCenter, .foreignCommand: .badInput
    case .card: .transport
    case .file: .badInput
    case .cancelled: .interrupted
    }
  }

  /// As the same problem ends with a centre that is here.
  private static func exitStatus(of kind: String) -> ExitStatus {
    switch kind {
    case "not-authenticated", "forbidden": .refused
    case "not-found", "invalid", "unprocessable": .badInput
    case "unavailable", "too-many", "too-slow", "failed", "dialogue-over": .unavailable
    default: .failed
    }
  }
}
