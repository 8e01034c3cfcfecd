/// Why there is no target.
public enum ISCSITargetError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It could not listen at the address; the reason is for people.
  case cannotListen(host: String, port: UInt16, reason: String)
  /// It runs already.
  case isRunning
  /// The name is no iSCSI name.
  case badName(String)
  /// A CHAP secret is too short or too long, or has no name.
  case badSecret
  /// The target would prove itself with the secret that initiators prove themselves with.
  case sameSecret
  /// There are credentials for the target, and none for the initiators.
  case mutualAlone

  /// What happened and what to do, for people.
  public var description: String {
    switch self {
    case .cannotListen(let host, let port, let reason):
      "Cannot listen at \(host), port \(port): \(reason). Choose another port, or 0 for any, or an address of this machine."
    case .isRunning: "The target runs already. Stop it first."
    case .badName(let name):
      "'\(name)' is no iSCSI name. One looks like iqn.2026-01.org.example:disc, in lower case, with up to 223 characters."
    case .badSecret:
      "A CHAP secret has \(CHAPCredentials.minimumSecretOctets) to \(CHAPCredentials.maximumSecretOctets) octets, and belongs to a name. Choose a longer one by chance."
    case .sameSecret:
      "The target's CHAP secret is the initiators': whoever knows one could play the other. Choose another."
    case .mutualAlone:
      "A target proves itself only to initiators that do so too. Give the initiators' credentials as well."
    }
  }
}
