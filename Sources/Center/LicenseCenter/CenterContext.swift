import Cryptography
import Formats

/// What every service of the centre stands on.
struct CenterContext: Sendable {
  let facts: CenterFacts
  let database: any Database
  let keys: KeyStore
  let clock: any CenterClock
  let random: any RandomSource
  /// What lies beside the database; a centre that is put together without a folder has none.
  var custody: Custody?

  /// Seals and opens columns.
  var vault: Vault { Vault(keys: keys, random: random) }
}
