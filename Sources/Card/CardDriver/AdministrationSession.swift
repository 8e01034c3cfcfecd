import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel

/// An open SCP03 channel to a card: what an issuer on this side of the line works through.
///
/// A centre on the far side runs the same protocol itself and needs only ``CardConnection`` as a relay. The session is
/// noncopyable and synchronous; after any failure of authentication it is dead.
public struct AdministrationSession: ~Copyable {
  private let connection: CardConnection
  private let engine: OpenSSLEngine
  private var channel: SecureChannelHost

  private static let staticKeys = StaticKeySlots(
    enc: KeySlot(rawValue: 0), mac: KeySlot(rawValue: 1), dek: KeySlot(rawValue: 2))
  private static let sessionKeys = SessionKeySlots(
    enc: KeySlot(rawValue: 3), mac: KeySlot(rawValue: 4), rmac: KeySlot(rawValue: 5))
  /// Octets that padding and C-MAC add to a command's data at most.
  private static let overhead = 32
  private static let checkSlot = KeySlot(rawValue: 6)

  /// Selects the issuer security domain and opens a session with it.
  ///
  /// - Parameters:
  ///   - connection: the card.
  ///   - keys: ENC ‖ MAC ‖ DEK, three keys of 16, 24 or 32 octets.
  ///   - keyVersion: their version on the card.
  ///   - level: the security level, 33 by default.
  ///   - mode: S8 by default.
  ///   - random: where the host challenge comes from.
  public init(
    _ connection: CardConnection, keys: borrowing Secret, keyVersion: UInt8, level: SecurityLevel = .full,
    mode: SecureChannelMode = .s8, random: any RandomSource
  ) throws(CardError) {
    let operation = "open the secure channel"
    _ = try connection.select(applicationID: CardProtocol.issuerDomainID, operation: operation)
    let engine = OpenSSLEngine(random: random)
    do {
      try keys.withBytes { (octets) throws(CryptoError) in
        let length = octets.byteCount / 3
        guard octets.byteCount == 3 * length else { throw .badLength }
        let slots = AdministrationSession.staticKeys
        try engine.load(octets.extracting(0..<length), into: slots.enc)
        try engine.load(octets.extracting(length..<(2 * length)), into: slots.mac)
        try engine.load(octets.extracting((2 * length)..<(3 * length)), into: slots.dek)
      }
      var channel = SecureChannelHost(
        engine: engine, staticKeys: AdministrationSession.staticKeys, sessionKeys: AdministrationSession.sessionKeys,
        mode: mode, level: level, keyVersion: keyVersion, hostChallenge: random.octets(mode.octets))
      let answer = try connection.exchange(channel.initializeUpdate(), operation: operation)
      let authenticate = try channel.externalAuthenticate(after: answer)
      try channel.confirm(try connection.exchange(authenticate, operation: operation))
      self.connection = connection
      self.engine = engine
      self.channel = channel
    } catch let error as CardError {
      throw error
    } catch let error as SecureChannelError {
      throw CardError(error, operation: operation)
    } catch {
      throw CardError(.crypto(error as? CryptoError ?? .failed), operation: operation)
    }
  }

  /// Sends one command through the channel and answers the plain response, whatever its status word.
  public mutating func exchange(_ command: CommandAPDU, operation: String) throws(CardError) -> ResponseAPDU {
    var plain = command
    // The C-MAC covers the coding of the lengths, so a long Le is cut before it, not on the way out.
    plain.le = command.le.map { min($0, connection.dataOctetsPerResponse) }
    let wrapped: CommandAPDU
    do { wrapped = try channel.wrap(plain) } catch { throw CardError(error, operation: operation) }
    let response: ResponseAPDU
    do {
      response = try connection.exchange(wrapped, operation: operation)
    } catch {
      // Nobody knows whether the card counted the command, so nothing more can be said in this session.
      channel.close()
      throw error
    }
    do { return try channel.unwrap(response) } catch { throw CardError(error, operation: operation) }
  }

  /// Sends one command through the channel and answers its data; any status word but 9000 is an error.
  @discardableResult
  public mutating func data(_ command: CommandAPDU, operation: String) throws(CardError) -> [UInt8] {
    let response = try exchange(command, operation: operation)
    guard response.status == .ok else { throw CardError(response.status, operation: operation) }
    return response.data
  }

  /// PUT KEY of one key, or of a set of three.
  public mutating func putKeys(
    version: UInt8, replacing old: UInt8 = 0, _ keys: borrowing Secret, count: Int
  ) throws(CardError) {
    let operation = "put a key"
    var encrypted: [CommandAPDU.EncryptedKey] = []
    let length = count > 0 ? keys.count / count : 0
    do {
      try keys.withBytes { (octets) throws(SecureChannelError) in
        for index in 0..<count {
          encrypted.append(try encrypt(octets.extracting((index * length)..<((index + 1) * length))))
        }
      }
    } catch {
      throw CardError(error, operation: operation)
    }
    try data(.putKey(version: version, replacing: old, encrypted), operation: operation)
  }

  /// STORE DATA of a sequence of objects, in as many blocks as needed.
  ///
  /// - Returns: what the card answered to the last block.
  @discardableResult
  public mutating func storeData(_ objects: [UInt8]) throws(CardError) -> [UInt8] {
    let operation = "store data"
    let commands: [CommandAPDU]
    do {
      commands = try CommandAPDU.storeData(
        objects, blockOctets: min(connection.dataOctetsPerCommand - AdministrationSession.overhead, 16_384))
    } catch {
      throw CardError(
        .tooLong, operation: operation, cardMayHaveChanged: false, remedy: "The data is too long; store it in parts.")
    }
    var answer: [UInt8] = []
    for command in commands { answer = try data(command, operation: operation) }
    return answer
  }

  private mutating func encrypt(_ key: RawSpan) throws(SecureChannelError) -> CommandAPDU.EncryptedKey {
    var check = Block(repeating: 1)
    do {
      try engine.load(key, into: AdministrationSession.checkSlot)
      try engine.encryptBlock(AdministrationSession.checkSlot, &check)
    } catch {
      throw .crypto(error)
    }
    engine.erase(AdministrationSession.checkSlot)
    return CommandAPDU.EncryptedKey(
      keyOctets: UInt8(truncatingIfNeeded: key.byteCount), ciphertext: try channel.encryptSensitiveData(key),
      checkValue: [check[0], check[1], check[2]])
  }
}
