import CardProtocol
import ISO7816
import SecureChannel

/// What the open session may do. It depends on the key set it runs under and on what protects its messages; every
/// question is asked anew with each command, since a command may take away the very set that it came under.
extension Card {
  /// Whether the host has proved that it knows a key set that the card still has, and every command of its carries a MAC.
  ///
  /// The transport set ends with the individual key, and so does what a session under it may do.
  private var isHostAuthenticated: Bool {
    guard isSessionHere, let level = channel.level, level.contains(.commandMAC) else { return false }
    return session.keyVersion == KeyVersion.individualSet || has(CardLayout.keySet(session.keyVersion))
  }

  /// Whether administration may go on: beside the MAC, command encryption.
  var isAdministrationOpen: Bool {
    isHostAuthenticated && channel.level?.contains(.commandDecryption) == true
  }

  /// Whether the session is at level 33.
  var isFullyProtected: Bool { isSessionHere && channel.level == .full }

  /// Whether the session is the issuer's: under key set 1, or on a blank card under the set of the factory. A further
  /// set is a delegate's, who brings software (decision 0008).
  var isIssuerSession: Bool { isAdministrationOpen && !KeyVersion.furtherSets.contains(session.keyVersion) }

  /// Reading the registry wants an authenticated host.
  func requireAuthenticatedHost() throws(StatusWord) {
    guard isHostAuthenticated else { throw .securityStatusNotSatisfied }
  }

  /// Administration wants a session with command MAC and command encryption.
  func requireAdministration() throws(StatusWord) {
    guard isAdministrationOpen else { throw .securityStatusNotSatisfied }
  }

  /// What makes the card someone's, or decides about codes, is the issuer's.
  func requireIssuer() throws(StatusWord) {
    guard isIssuerSession else { throw .securityStatusNotSatisfied }
  }

  /// A delegate may replace and delete its own key set; the issuer every further one.
  func requireRight(overKeySet version: UInt8) throws(StatusWord) {
    guard isIssuerSession || isAdministrationOpen && session.keyVersion == version else {
      throw .securityStatusNotSatisfied
    }
  }
}
