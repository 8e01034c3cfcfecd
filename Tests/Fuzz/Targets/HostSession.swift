import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel

/// The issuer's end of a secure channel to a ``FuzzCard``.
final class HostSession {
  private let engine: OpenSSLEngine
  private var host: SecureChannelHost

  /// Opens a session on a logical channel.
  init(_ card: FuzzCard, version: UInt8, level: SecurityLevel, channel: UInt8 = 0) throws {
    engine = OpenSSLEngine(random: SeededRandom(seed: 220))
    let keys = try FuzzCard.keySet(version)
    let slots = (0..<6).map { KeySlot(rawValue: UInt8($0)) }
    for index in 0..<3 {
      let key = Array(keys[(index * 32)..<((index + 1) * 32)])
      try engine.load(key.span.bytes, into: slots[index])
    }
    host = SecureChannelHost(
      engine: engine, staticKeys: StaticKeySlots(enc: slots[0], mac: slots[1], dek: slots[2]),
      sessionKeys: SessionKeySlots(enc: slots[3], mac: slots[4], rmac: slots[5]), mode: .s8, level: level,
      keyVersion: version, hostChallenge: [1, 2, 3, 4, 5, 6, 7, 8], channel: channel)
    let answer = try card.send(host.initializeUpdate())
    try host.confirm(try card.send(try host.externalAuthenticate(after: answer)))
  }

  /// Whether the host still believes in it.
  var isOpen: Bool { host.isOpen }

  /// Sends a command through the channel.
  func send(_ command: CommandAPDU, to card: FuzzCard) throws -> ResponseAPDU {
    try host.unwrap(try card.send(try host.wrap(command)))
  }

  /// PUT KEY of one key, encrypted and with its check value.
  func putKey(_ version: UInt8, _ old: UInt8, _ key: [UInt8], to card: FuzzCard) throws -> ResponseAPDU {
    let slot = KeySlot(rawValue: 7)
    var check = Block(repeating: 1)
    try engine.load(key.span.bytes, into: slot)
    try engine.encryptBlock(slot, &check)
    let encrypted = CommandAPDU.EncryptedKey(
      keyOctets: UInt8(key.count), ciphertext: try host.encryptSensitiveData(key.span.bytes),
      checkValue: [check[0], check[1], check[2]])
    return try send(.putKey(version: version, replacing: old, [encrypted]), to: card)
  }
}
