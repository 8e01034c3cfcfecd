import Cryptography

/// Look-up values of what belongs to clients, so that a database without its keys tells nothing about them.
enum ClientLookup {
  /// The names of an idempotency key of one client, that under the newest key first.
  static func idempotencyKeys(_ key: IdempotencyKey, scope: String, _ keys: KeyStore) throws -> [[UInt8]] {
    try keys.versions(of: .clientLookup).map { version in
      try value("idempotency key", [Array(scope.utf8), key.octets], version, keys)
    }
  }

  /// What the counter wrote in a notice, that under the newest key first: a text is guessed too easily for a bare digest.
  static func notices(_ text: String, _ keys: KeyStore) throws -> [[UInt8]] {
    try keys.versions(of: .clientLookup).map { try value("notice", [Array(text.utf8)], $0, keys) }
  }

  /// The name of one who tries codes. A rotation gives everybody a new one, and so a new start.
  static func attempts(_ kind: String, _ name: String, _ keys: KeyStore) throws -> [UInt8] {
    try value("attempts", [Array(kind.utf8), Array(name.utf8)], try keys.currentVersion(of: .clientLookup), keys)
  }

  /// HMAC-SHA-256 over a label and each part behind its length.
  private static func value(
    _ label: String, _ parts: [[UInt8]], _ version: UInt32, _ keys: KeyStore
  ) throws -> [UInt8] {
    try keys.tag(typedOctets(label, parts), .clientLookup, version: version)
  }
}

/// A label and parts, each behind its length (4), so that no two lists give the same octets.
func typedOctets(_ label: String, _ parts: [[UInt8]]) -> [UInt8] {
  var octets: [UInt8] = []
  octets.reserveCapacity(parts.reduce(4 + label.utf8.count) { $0 + 4 + $1.count })
  octets.append(bigEndian: UInt32(clamping: label.utf8.count))
  octets.append(contentsOf: label.utf8)
  for part in parts {
    octets.append(bigEndian: UInt32(clamping: part.count))
    octets.append(contentsOf: part)
  }
  return octets
}
