/// Why a server does not give access: each failing step of C1 has its own, for the log. To the outside all of them are one.
public enum AccessDenial: String, Error, Hashable, Sendable, CaseIterable {
  /// What came is no record of the kind, or has a value that is not allowed.
  case malformed
  /// A step was asked for before the one that it needs.
  case outOfOrder
  /// The message in the answer is none that this centre generated (C8).
  case messageDiffers
  /// The message belongs to another session than the one that it came in (C8).
  case otherSession
  /// The message is too old (C5).
  case stale
  /// The message is from the future (C5).
  case future
  /// Nobody is registered under this identifier.
  case unknownClient
  /// The client's certificate is not good now.
  case certificateInvalid
  /// The signature is not the client's (C9), or not over this message and configuration (C11).
  case wrongClientKey
  /// The message was answered before (C8).
  case replayed
  /// The client has been revoked.
  case revoked
  /// The client may not have access as what it asked for.
  case roleNotGranted
  /// There is no such title.
  case unknownTitle
  /// Configuration data that was asked for is missing, or some was told unasked (C10).
  case configurationIncomplete
  /// The system's configuration is not an authorised one (C10).
  case configurationUnauthorized
  /// The token is none of this centre's, has expired or was given back.
  case tokenInvalid
  /// The cryptography failed.
  case failed
}

/// Why a client does not answer a server.
public enum AccessRefusal: Error, Hashable, Sendable, CaseIterable {
  /// What came is no record of the kind, or has a value that is not allowed.
  case malformed
  /// A step was asked for before the one that it needs.
  case outOfOrder
  /// The message was not signed with the server's key (C9).
  case wrongServerKey
  /// The message answers another request.
  case otherRequest
  /// The message is too old by the client's clock (C5).
  case stale
  /// The message is from the future by the client's clock (C5).
  case future
  /// The configuration data is not what was asked for (C10).
  case configurationMismatch
  /// The cryptography failed.
  case failed
}

/// What a server has done so far, in the only order that there is (C1, C3).
public enum AccessStep: Int, Hashable, Sendable, CaseIterable, Comparable {
  /// The request was received.
  case requestReceived
  /// The message was generated.
  case messageGenerated
  /// The message was signed with the server's key.
  case messageSigned
  /// The message was sent.
  case messageSent
  /// An answer was received.
  case answerReceived
  /// Its message is the generated one, of this session, and in time (C5, C8).
  case messageMatched
  /// Its signature is the client's (C9).
  case clientAuthenticated
  /// It is the first answer to this message.
  case answerClaimed
  /// Client and configuration are authorised (C10).
  case clientAuthorized
  /// Access was permitted.
  case accessPermitted
  /// Software was transmitted (C3).
  case softwareTransmitted

  /// Whether one comes before the other.
  public static func < (first: AccessStep, second: AccessStep) -> Bool { first.rawValue < second.rawValue }
}
