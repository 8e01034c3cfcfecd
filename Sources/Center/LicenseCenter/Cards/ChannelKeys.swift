import Cryptography
import Formats
import Identifiers
import Octets

/// The static keys of one SCP03 key set, outside the vault for as long as one session needs them.
struct ChannelKeys: ~Copyable {
  let enc: Secret
  let mac: Secret
  let dek: Secret

  /// Key set 1 of a card, which comes from its individual key.
  static func individual(_ individualKey: borrowing Secret, _ serial: CardSerial) throws -> ChannelKeys {
    ChannelKeys(
      enc: try CardKeys.derive(individualKey, .channelEncryption, serial),
      mac: try CardKeys.derive(individualKey, .channelMAC, serial),
      dek: try CardKeys.derive(individualKey, .channelDataEncryption, serial))
  }

  /// The transport set of a blank card, as ``ProductionRecord/transportKeys()`` joined it.
  static func transport(_ joined: borrowing Secret) throws -> ChannelKeys {
    let count = joined.count / 3
    return ChannelKeys(
      enc: try part(0, of: joined, count), mac: try part(1, of: joined, count), dek: try part(2, of: joined, count))
  }

  private static func part(_ index: Int, of keys: borrowing Secret, _ count: Int) throws(OctetError) -> Secret {
    try keys.withBytes { (bytes) throws(OctetError) in
      var reader = OctetReader(bytes)
      _ = try reader.take(index * count)
      return Secret(copying: try reader.take(count))
    }
  }
}

extension ProductionRecord {
  /// ENC ‖ MAC ‖ DEK, all of one length.
  borrowing func transportKeys() throws(OctetError) -> Secret {
    let buffer = OctetBuffer(capacity: 3 * encryptionKey.count)
    try encryptionKey.withBytes { (bytes) throws(OctetError) in try buffer.append(bytes) }
    try macKey.withBytes { (bytes) throws(OctetError) in try buffer.append(bytes) }
    try dataKey.withBytes { (bytes) throws(OctetError) in try buffer.append(bytes) }
    return buffer.withBytes { Secret(copying: $0) }
  }
}
