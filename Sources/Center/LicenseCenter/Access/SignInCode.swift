import ChallengeAccess
import Formats

/// What somebody types to sign in at a browser: 80 random bits, written, read and checked for slips as a retrieval code is
/// (``Formats/RetrievalCode``). A secret, good once and for ten minutes.
public struct SignInCode: Hashable, Sendable {
  private let code: RetrievalCode

  init?(octets: [UInt8]) {
    guard let code = RetrievalCode(octets: octets) else { return nil }
    self.code = code
  }

  /// Reads what somebody typed.
  ///
  /// - Throws: what tells a slip of the fingers from a code that is merely wrong.
  public init(typed text: some StringProtocol) throws(RetrievalCodeError) { code = try RetrievalCode(typed: text) }

  /// The code as people write it: 16 symbols and a check symbol, in groups of four.
  public var text: String { code.text }

  var octets: [UInt8] { code.octets }
}

extension SignInCode: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always `SignInCode(redacted)`.
  public var description: String { "SignInCode(redacted)" }
  /// The same.
  public var debugDescription: String { description }
  /// Nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A code for somebody who wants to sign in, and what it lets them be.
public struct SignInOffer: Sendable {
  /// What is typed.
  public let code: SignInCode
  /// As what it lets in.
  public let role: AccessRole
  /// Whom it lets in; for somebody without a card or machine of their own, a name made for this once.
  public let client: AccessClientID
  /// Until when it may be used, seconds since 1970 UTC.
  public let expiresAt: UInt64
}

/// What somebody has who signed in.
public struct SignInGrant: Sendable {
  /// What the browser shows from now on: an access token as any other, good for longer.
  public let token: AccessToken
  /// Whose session it is.
  public let identity: AccessIdentity
}

/// What somebody is answered who types a sign-in code.
public enum SignInAnswer: Sendable {
  /// Signed in; the same answer again for the same code under the same operation.
  case granted(SignInGrant)
  /// The code is unknown, used or expired. One answer for all.
  case refused
  /// Too many codes were tried; so many seconds until the next may be.
  case tooManyAttempts(retryAfter: UInt64)
}
