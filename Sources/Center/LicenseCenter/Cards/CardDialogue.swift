import CardProtocol
import Cryptography
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// One conversation with a card over a relay: plain at first, then inside SCP03 at level 33.
///
/// Belongs to one task. After any failure it is over; the service that led it starts a new one.
final class CardDialogue {
  private let relay: any CardRelay
  private let engine: OpenSSLEngine
  private let random: any RandomSource
  private var channel: SecureChannelHost?
  private let operation: String

  /// Set once a command that writes has been sent: from then on a break leaves the card's state open.
  private var mayHaveChanged = false

  private static let staticKeys = StaticKeySlots(
    enc: KeySlot(rawValue: 0), mac: KeySlot(rawValue: 1), dek: KeySlot(rawValue: 2))
  private static let sessionKeys = SessionKeySlots(
    enc: KeySlot(rawValue: 3), mac: KeySlot(rawValue: 4), rmac: KeySlot(rawValue: 5))
  private static let checkValueSlot = KeySlot(rawValue: 6)

  /// The sizes of the card's secure channel.
  private var mode = SecureChannelMode.s8

  /// Data octets of one command that still fit a short APDU at level 33, behind one octet of padding at least: 15 blocks
  /// and a MAC of 8 octets, or 14 and one of 16.
  private var shortBlockOctets: Int { mode == .s8 ? 239 : 223 }

  init(_ relay: any CardRelay, random: any RandomSource, operation: String) {
    self.relay = relay
    self.random = random
    self.operation = operation
    engine = OpenSSLEngine(random: random)
  }

  /// Selects the Warifu application, which ends any session that was open, and learns how the card speaks SCP03.
  ///
  /// - Parameter orLocked: Whether a locked card will do, which says 6283 and still takes administration.
  func select(orLocked: Bool = false) async throws(CenterError) {
    channel = nil
    let selection = try await send(.select(applicationID: CardProtocol.applicationID))
    if !orLocked || selection.status != .selectedFileInvalidated { try expectDone(selection) }
    let recognition = try await object(.cardRecognitionData) ?? []
    guard let usesLongMACs = try? CardStatus.usesLongMACs(parsing: recognition.span.bytes) else { throw malformed() }
    mode = usesLongMACs ? .s16 : .s8
  }

  /// Opens SCP03 at level 33 under key set 1, which comes from the card's individual key.
  func openIndividualChannel(
    to serial: CardSerial, issuerRoot: UInt32, _ keys: KeyStore
  ) async throws(CenterError) {
    let channelKeys: ChannelKeys
    do {
      // The individual key is gone before the card is waited for.
      channelKeys = try ChannelKeys.individual(
        CardKeys.individualKey(of: serial, version: issuerRoot, keys), serial)
    } catch {
      throw CenterError(error, during: operation)
    }
    try await openChannel(version: KeyVersion.individualSet, channelKeys)
  }

  /// Opens SCP03 at level 33 with this key set: the mutual certification of S11 (P6).
  func openChannel(version: UInt8, _ keys: borrowing ChannelKeys) async throws(CenterError) {
    do {
      try load(keys.enc, CardDialogue.staticKeys.enc)
      try load(keys.mac, CardDialogue.staticKeys.mac)
      try load(keys.dek, CardDialogue.staticKeys.dek)
    } catch {
      throw CenterError(error, during: operation)
    }
    var host = SecureChannelHost(
      engine: engine, staticKeys: CardDialogue.staticKeys, sessionKeys: CardDialogue.sessionKeys, mode: mode,
      level: [.commandMAC, .commandDecryption, .responseMAC, .responseEncryption], keyVersion: version,
      hostChallenge: random.octets(mode.octets))
    let answer = try await exchange(host.initializeUpdate())
    let proof: CommandAPDU
    do { proof = try host.externalAuthenticate(after: answer) } catch { throw notCertified(answer.status) }
    let confirmation = try await exchange(proof)
    do { try host.confirm(confirmation) } catch { throw notCertified(confirmation.status) }
    channel = consume host
  }

  /// Sends a command, inside the channel if there is one, and answers whatever the card says.
  func send(_ command: CommandAPDU, writes: Bool = false) async throws(CenterError) -> ResponseAPDU {
    mayHaveChanged = mayHaveChanged || writes
    guard channel != nil else { return try await exchange(command) }
    let wrapped: CommandAPDU?
    do { wrapped = try channel?.wrap(command) } catch { throw channelFailed() }
    guard let wrapped else { throw channelFailed() }
    let response = try await exchange(wrapped)
    do {
      guard let plain = try channel?.unwrap(response) else { throw channelFailed() }
      return plain
    } catch let error as CenterError {
      throw error
    } catch {
      throw channelFailed()
    }
  }

  /// Sends a command that must succeed.
  @discardableResult
  func perform(_ command: CommandAPDU, writes: Bool = false) async throws(CenterError) -> [UInt8] {
    let response = try await send(command, writes: writes)
    try expectDone(response)
    return response.data
  }

  /// A data object, or `nil` when the card has none.
  func object(_ tag: DataTag) async throws(CenterError) -> [UInt8]? {
    let response = try await send(.getData(tag))
    if response.status == .referencedDataNotFound { return nil }
    try expectDone(response)
    do {
      return try CardStatus.content(of: tag, in: response.data.span.bytes).octets
    } catch {
      throw malformed()
    }
  }

  /// The card's status; must be that of `serial`.
  func status(of serial: CardSerial) async throws(CenterError) -> CardStatus {
    let octets = try await object(.applicationStatus)
    guard let octets, let status = try? CardStatus(parsing: octets.span.bytes) else { throw malformed() }
    guard status.serial == serial else {
      throw CenterError(
        .notCertified, operation, remedy: "The card in the reader is \(status.serial), not \(serial).")
    }
    guard !status.hasTestKeys else {
      throw CenterError(
        .notCertified, operation, remedy: "The card was made with public test keys; a centre never uses one.")
    }
    return status
  }

  /// PUT KEY of one key, encrypted under the session's data-encryption key; checks the card's check value.
  ///
  /// - Parameter orReplace: Puts the key in place of one of its version, if the card has one already.
  /// - Returns: the key's check value.
  @discardableResult
  func putKey(
    _ key: borrowing Secret, version: UInt8, orReplace: Bool = false
  ) async throws(CenterError) -> [UInt8] {
    let encrypted = try encrypted(key)
    try await putKeys([encrypted], version: version, orReplace: orReplace)
    return encrypted.checkValue
  }

  /// PUT KEY of the three keys of a channel set, like ``putKey(_:version:orReplace:)``.
  ///
  /// - Returns: their check values, in the order ENC, MAC, DEK.
  func putSet(
    _ keys: borrowing ChannelKeys, version: UInt8, orReplace: Bool
  ) async throws(CenterError) -> [[UInt8]] {
    let set = [try encrypted(keys.enc), try encrypted(keys.mac), try encrypted(keys.dek)]
    try await putKeys(set, version: version, orReplace: orReplace)
    return set.map(\.checkValue)
  }

  private func putKeys(
    _ keys: [CommandAPDU.EncryptedKey], version: UInt8, orReplace: Bool
  ) async throws(CenterError) {
    var answer = try await send(.putKey(version: version, keys), writes: true)
    // Cards tell that they have one by either word.
    if orReplace, [.conditionsNotSatisfied, .referencedDataNotFound].contains(answer.status) {
      answer = try await send(.putKey(version: version, replacing: version, keys), writes: true)
    }
    try expectDone(answer)
    guard answer.data == [version] + keys.flatMap(\.checkValue) else { throw malformed() }
  }

  private func encrypted(_ key: borrowing Secret) throws(CenterError) -> CommandAPDU.EncryptedKey {
    do {
      let ciphertext = try key.withBytes { (bytes) throws(SecureChannelError) in
        try channel?.encryptSensitiveData(bytes)
      }
      if let encrypted = try ciphertext?.asKey(of: key.count, checkValue(key)) { return encrypted }
    } catch {
      throw channelFailed()
    }
    throw channelFailed()
  }

  /// STORE DATA of a sequence of objects; answers what the last block's response carries.
  ///
  /// They may hold PIN, PUK or codes: only one block at a time lies in clear outside the secret, and it is wiped.
  func store(_ objects: borrowing Secret) async throws(CenterError) -> ResponseAPDU {
    // 256 blocks is what P2 can count; what does not fit them short needs a reader that carries extended lengths.
    let blockOctets = max(shortBlockOctets, (objects.count + 255) / 256)
    let blocks = max(1, (objects.count + blockOctets - 1) / blockOctets)
    var last = ResponseAPDU(status: .ok)
    for number in 0..<blocks {
      let range = (number * blockOctets)..<min((number + 1) * blockOctets, objects.count)
      var block = CommandAPDU.storeData(
        block: objects.withBytes { $0.extracting(range).octets }, number: UInt8(truncatingIfNeeded: number),
        isLast: number == blocks - 1)
      defer { block.data.wipe() }
      last = try await send(block, writes: true)
      guard last.status == .ok else { break }
    }
    return last
  }

  /// Throws unless the card said 9000.
  func expectDone(_ response: ResponseAPDU) throws(CenterError) {
    guard response.status == .ok else { throw refused(response.status) }
  }

  /// The error for a status word.
  func refused(_ status: StatusWord) -> CenterError {
    CenterError(
      .cardRefused, operation, remedy: "The card refused; look the status word up in docs/status-words.md.",
      statusWord: status, cardMayHaveChanged: mayHaveChanged)
  }

  private func exchange(_ command: CommandAPDU) async throws(CenterError) -> ResponseAPDU {
    do {
      return try await relay.exchange(command)
    } catch {
      throw CenterError(
        .cardUnreachable, operation, remedy: "Put the card back and run it again; nothing is done twice.",
        cardMayHaveChanged: mayHaveChanged)
    }
  }

  private func load(_ key: borrowing Secret, _ slot: KeySlot) throws(CryptoError) {
    try key.withBytes { (bytes) throws(CryptoError) in try engine.load(bytes, into: slot) }
  }

  /// The first 3 octets of AES over sixteen octets 01 (Amendment D, 4.1.3).
  private func checkValue(_ key: borrowing Secret) throws(CryptoError) -> [UInt8] {
    try load(key, CardDialogue.checkValueSlot)
    defer { engine.erase(CardDialogue.checkValueSlot) }
    var block = Block(repeating: 0x01)
    try engine.encryptBlock(CardDialogue.checkValueSlot, &block)
    return [block[0], block[1], block[2]]
  }

  private func notCertified(_ status: StatusWord) -> CenterError {
    CenterError(
      .notCertified, operation, remedy: "The card and this centre do not share a key; check which centre issued it.",
      statusWord: status == .ok ? nil : status, cardMayHaveChanged: mayHaveChanged)
  }

  private func channelFailed() -> CenterError {
    CenterError(
      .notCertified, operation,
      remedy: "A message was not authentic; run it again, and check the reader if it repeats.",
      cardMayHaveChanged: mayHaveChanged)
  }

  private func malformed() -> CenterError {
    CenterError(
      .notCertified, operation, remedy: "The card's answer is none that a Warifu card gives.",
      cardMayHaveChanged: mayHaveChanged)
  }
}

extension [UInt8] {
  /// Overwrites the octets where they lie, as long as nobody else holds the array.
  fileprivate mutating func wipe() {
    for index in indices { self[index] = 0 }
  }

  fileprivate func asKey(of count: Int, _ checkValue: [UInt8]) -> CommandAPDU.EncryptedKey {
    CommandAPDU.EncryptedKey(keyOctets: UInt8(clamping: count), ciphertext: self, checkValue: checkValue)
  }
}
