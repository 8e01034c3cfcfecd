import ISO7816

/// Why a host's secure channel did not open, or is no more.
///
/// After any of them but ``commandTooLong`` and ``sensitiveDataLength`` the session is dead and its keys are erased:
/// open a new one.
public enum SecureChannelError: Error, Equatable {
  /// The card refused INITIALIZE UPDATE or EXTERNAL AUTHENTICATE with this status word.
  case refused(StatusWord)
  /// The answer to INITIALIZE UPDATE is not SCP03's, or not of the mode or key set asked for.
  case unexpectedAnswer
  /// The card's parameter "i" rules out the wanted security level.
  case levelNotSupported(SecurityLevel)
  /// The card cryptogram is wrong: another key set, or no card of ours.
  case cardNotAuthentic
  /// A response has no R-MAC or a wrong one, or does not decrypt.
  case responseNotAuthentic
  /// An error word came with data beside it, which nothing protects.
  case unprotectedData(StatusWord)
  /// The method does not belong here: a command before the last one's response, or a step of opening out of turn.
  case outOfTurn
  /// The session is over.
  case ended
  /// The command with its padding and MAC is longer than an APDU, or Le is out of range. Nothing happened.
  case commandTooLong
  /// Sensitive data is not a multiple of 16 octets. Nothing happened.
  case sensitiveDataLength
  /// The engine could not compute.
  case crypto(CryptoError)

  /// What happened and what to do about it, a sentence for people.
  public var remedy: String {
    switch self {
    case .refused(let status):
      "The card refused to open the channel (\(status.meaning)); check the key version and the card's state."
    case .unexpectedAnswer: "The card did not answer as SCP03 does; check that the right application is selected."
    case .levelNotSupported: "The card cannot protect responses so; ask for a lower security level."
    case .cardNotAuthentic: "The card does not have this key set; do not retry, the card may count failures."
    case .responseNotAuthentic, .unprotectedData:
      "Something between here and the card changed a response; the command may have taken effect."
    case .outOfTurn: "The steps of the channel came in the wrong order; this is a defect of the calling program."
    case .ended: "The channel is closed; open a new one."
    case .commandTooLong: "The command does not fit one APDU with its protection; send it in parts."
    case .sensitiveDataLength: "Give at least one octet to encrypt."
    case .crypto: "The cryptographic provider failed; check that the keys are loaded."
    }
  }
}
