import Formats
import Identifiers

/// The request to redeem a code.
public struct RedemptionRequest: Sendable {
  /// The code, or the code for copying (P10).
  public var code: RetrievalCode
  /// The client's name for this redemption: with it and the code the client that won comes to its ticket again.
  public var key: IdempotencyKey
  /// Who asks.
  public var client: RedeemingClient

  /// A request.
  public init(code: RetrievalCode, key: IdempotencyKey, client: RedeemingClient = RedeemingClient()) {
    self.code = code
    self.key = key
    self.client = client
  }
}

/// A request, and what its code is looked up by.
public struct PreparedRedemption: Sendable {
  let request: RedemptionRequest
  /// The code's look-up value under every version of the pepper.
  let lookups: [[UInt8]]

  init(_ request: RedemptionRequest, _ keys: KeyStore) throws {
    self.request = request
    lookups = try CodeSales.lookups(request.code, keys)
  }
}

/// What a client is answered that wants to redeem a code (P23, S3 and S4).
public enum RedemptionAnswer: Hashable, Sendable {
  /// The code is this client's; the same answer again for the same code and key.
  case granted(DownloadGrant)
  /// It is good for nothing: unknown, in use by another, used, expired or taken back. One answer for all.
  case refused
  /// Too many codes were tried; so many seconds until the next may be.
  case tooManyAttempts(retryAfter: UInt64)
}

/// What a client needs to download what its code buys.
public struct DownloadGrant: Hashable, Sendable {
  /// With it the download goes on.
  public var ticket: DownloadTicket
  /// The title.
  public var softwareID: SoftwareID
  /// Its name.
  public var name: String
  /// Its version.
  public var version: String
  /// What it is.
  public var type: TitleType
  /// Octets of the sealed file.
  public var octets: UInt64
  /// ``PieceDigest`` over the sealed file, 32 octets.
  public var digest: [UInt8]
  /// The client said before that it has every octet before this one.
  public var acknowledged: UInt64
  /// When everything that comes from the code dies, seconds since 1970 UTC.
  public var expiry: UInt64?
}

/// How far a download has come.
public struct DownloadProgress: Hashable, Sendable {
  /// The title.
  public var softwareID: SoftwareID
  /// The client was sent every octet before this one.
  public var delivered: UInt64
  /// The client has every octet before this one.
  public var acknowledged: UInt64
  /// Octets of the sealed file.
  public var octets: UInt64
  /// ``PieceDigest`` over the sealed file, 32 octets.
  public var digest: [UInt8]
  /// The file's key, wrapped for the ticket (``Formats/DownloadContent``): given when the last octet was acknowledged, and the code
  /// is used with that.
  public var wrappedContentKey: [UInt8]?

  /// Whether the code is used.
  public var isDone: Bool { wrappedContentKey != nil }
}
