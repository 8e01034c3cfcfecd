import Octets

/// What the factory put into a drive so that it can attest media: a key of its own, and the centre's word for it.
///
/// The controller hands it only what the controller itself has built, so the key signs nothing that an initiator chose.
public protocol DriveSigner: AnyObject, Sendable {
  /// The drive's card-verifiable certificate, at most 2048 octets.
  var certificate: [UInt8] { get }

  /// Signs a message: ECDSA P-256 over its SHA-256, r ‖ s, into the 64 octets of `signature`.
  func sign(_ message: RawSpan, into signature: inout MutableRawSpan) throws(DriveSignerFailure)
}

/// The key could not sign: 4/44/00.
public struct DriveSignerFailure: Error, Hashable, Sendable {
  /// The failure.
  public init() {}
}
