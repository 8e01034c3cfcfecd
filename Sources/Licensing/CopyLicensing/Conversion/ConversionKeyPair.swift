import CardDriver
import Cryptography

/// Ku and Ka while a title is converted: what several threads use is a reference, and wiped when the last lets go.
final class ConversionKeyPair: Sendable {
  /// Ku: encrypts for the target medium.
  let mediumKey: Secret
  /// Ka: decrypts from the master medium.
  let masterKey: Secret

  init(_ keys: borrowing WarifuCard.ConversionKeys) {
    mediumKey = keys.mediumKey.copy()
    masterKey = keys.masterKey.copy()
  }
}
