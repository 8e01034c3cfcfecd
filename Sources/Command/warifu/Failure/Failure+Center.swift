import Cryptography
import Formats
import ISO7816
import LicenseCenter
import SecureChannel

extension CenterError: FailureConvertible {
  var failure: Failure {
    let word = statusWord.map { " (the card answered \($0.meaning))" } ?? ""
    return Failure(exitStatus, "\(operation) failed\(word)", remedy: remedy)
  }

  private var exitStatus: ExitStatus {
    switch code {
    case .invalid, .notFound, .notCertified, .damaged: .badInput
    case .conflict, .limitReached, .cardRefused, .refused, .tooManyAttempts, .keyReused, .paymentDeclined,
      .clockSetBack:
      .failed
    case .cardUnreachable, .unknownOutcome: .transport
    case .storage, .paymentUnknown: .unavailable
    case .cancelled: .interrupted
    case .keyStore, .denied: .refused
    }
  }
}

extension FormatError: FailureConvertible {
  var failure: Failure { Failure(.badInput, description, remedy: "give one that this program or the centre wrote") }
}

extension RetrievalCodeError: FailureConvertible {
  var failure: Failure { Failure(.badInput, "cannot read the code", remedy: description) }
}

extension CertificateError: FailureConvertible {
  var failure: Failure {
    Failure(.badInput, "a certificate is not good", remedy: "use the card and the disc with the centre they belong to")
  }
}

extension CryptoError: FailureConvertible {
  var failure: Failure {
    switch self {
    case .notAuthentic: Failure(.badInput, "what was read is not authentic", remedy: "restore it from a copy")
    default: Failure(.bug, "OpenSSL refused to compute", remedy: "check its installation, else report this")
    }
  }
}
