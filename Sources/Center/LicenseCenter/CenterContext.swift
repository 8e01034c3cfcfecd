import Cryptography
import Formats

/// What every service of the centre stands on.
struct CenterContext: Sendable {
  let facts: CenterFacts
  let database: any Database
  let keys: KeyStore
  let clock: any CenterClock
  let random: any RandomSource

  /// Seals and opens columns.
  var vault: Vault { Vault(keys: keys, random: random) }
}
