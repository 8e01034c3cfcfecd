import Cryptography
import Formats

/// What every service of the centre stands on.
struct CenterContext: Sendable {
  let facts: CenterFacts
  var database: any Database
  let keys: KeyStore
  let clock: any CenterClock
  let random: any RandomSource
  /// What lies beside the database; a centre that is put together without a folder has none.
  var custody: Custody?
  /// The centre's folder, for what is too large for its database; `nil` where there is none.
  var folder: String?
  /// Who collects bills; without one they stay on the holder's account.
  var processor: (any PaymentProcessor)?

  /// Seals and opens columns.
  var vault: Vault { Vault(keys: keys, random: random) }
}
