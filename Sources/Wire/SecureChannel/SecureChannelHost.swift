import ISO7816
import Octets

/// The host's end of an SCP03 session: a synchronous state machine that computes and never talks to a card itself.
///
/// `initializeUpdate` → `externalAuthenticate(after:)` → `confirm` → (`wrap` → `unwrap`)*. Any failure of protection ends
/// it for good; it never tries anything twice. The session keys are erased when it ends, whichever way.
public struct SecureChannelHost: ~Copyable {
  private enum Phase { case initial, authenticating, open, awaitingResponse, ended }

  /// The level asked for.
  public let level: SecurityLevel
  /// The sizes in use.
  public let mode: SecureChannelMode
  /// What the card said of itself; `nil` before ``externalAuthenticate(after:)``.
  public private(set) var card: InitializeUpdateResponse?

  private let staticKeys: StaticKeySlots
  private let keyVersion: UInt8
  private let hostChallenge: [UInt8]
  private let channel: UInt8
  private var messaging: SecureMessaging
  private var phase = Phase.initial

  /// A session to be opened.
  ///
  /// - Parameters:
  ///   - engine: what computes; it holds the keys.
  ///   - staticKeys: where the card's key set lies, loaded before ``externalAuthenticate(after:)``.
  ///   - sessionKeys: free slots of this session's own.
  ///   - mode: S8 or S16; what the card's key set is made for.
  ///   - level: one of ``SecurityLevel/defined``.
  ///   - keyVersion: version of the key set; 0 leaves the choice to the card.
  ///   - hostChallenge: 8 or 16 fresh random octets, as `mode` says.
  ///   - channel: number of the logical channel that the session lives on, 0 to 19.
  public init(
    engine: any CryptoEngine, staticKeys: StaticKeySlots, sessionKeys: SessionKeySlots, mode: SecureChannelMode,
    level: SecurityLevel, keyVersion: UInt8, hostChallenge: [UInt8], channel: UInt8 = 0
  ) {
    self.staticKeys = staticKeys
    self.mode = mode
    self.level = level
    self.keyVersion = keyVersion
    self.hostChallenge = hostChallenge
    self.channel = channel
    messaging = SecureMessaging(engine: engine, keys: sessionKeys, mode: mode, level: level)
  }

  deinit { messaging.eraseKeys() }

  /// Whether commands can be wrapped.
  public var isOpen: Bool { phase == .open || phase == .awaitingResponse }

  /// Key diversification data of the card, 10 octets; empty before ``externalAuthenticate(after:)``.
  public var diversificationData: [UInt8] { card?.diversificationData ?? [] }

  /// The card's challenge; empty before ``externalAuthenticate(after:)``.
  public var cardChallenge: [UInt8] { card?.cardChallenge ?? [] }

  /// Ends the session: the card was reset, or nothing more is to be said.
  public mutating func close() {
    phase = .ended
    messaging.eraseKeys()
  }

  // MARK: Opening

  /// INITIALIZE UPDATE (Amendment D, 7.1.1).
  public func initializeUpdate() -> CommandAPDU {
    CommandAPDU(
      cla: openingClass(isSecured: false), ins: 0x50, p1: keyVersion, p2: 0, data: hostChallenge,
      le: CommandAPDU.shortLeLimit)
  }

  /// Checks the card's cryptogram, and only then answers EXTERNAL AUTHENTICATE (7.1.2).
  ///
  /// - Parameter response: the card's answer to ``initializeUpdate()``.
  public mutating func externalAuthenticate(
    after response: ResponseAPDU
  ) throws(SecureChannelError) -> CommandAPDU {
    guard phase == .initial, hostChallenge.count == mode.octets, level.isDefined else { throw end(.outOfTurn) }
    guard response.status == .ok else { throw end(.refused(response.status)) }
    do throws(SecureChannelError) {
      let answer = try InitializeUpdateResponse(parsing: response.data.span.bytes, mode: mode)
      guard keyVersion == 0 || answer.keyVersion == keyVersion else { throw .unexpectedAnswer }
      guard answer.options.allows(level) else { throw .levelNotSupported(level) }
      let cryptogram = try authenticate(answer)
      card = answer
      let header = CommandHeader(
        cla: openingClass(isSecured: true), ins: 0x82, p1: level.rawValue, p2: 0)
      let data = try appendingMAC(to: cryptogram, header)
      phase = .authenticating
      return CommandAPDU(cla: header.cla, ins: header.ins, p1: header.p1, p2: header.p2, data: data)
    } catch {
      throw end(error)
    }
  }

  /// Takes the card's answer to EXTERNAL AUTHENTICATE: the session is open.
  public mutating func confirm(_ response: ResponseAPDU) throws(SecureChannelError) {
    guard phase == .authenticating else { throw end(.outOfTurn) }
    guard response.status == .ok else { throw end(.refused(response.status)) }
    guard response.data.isEmpty else { throw end(.unexpectedAnswer) }
    phase = .open
  }

  /// Derives the session keys, checks the card cryptogram and answers the host cryptogram.
  private func authenticate(_ answer: InitializeUpdateResponse) throws(SecureChannelError) -> [UInt8] {
    let challenges = ChallengePair(
      host: hostChallenge.span.bytes, card: answer.cardChallenge.span.bytes, mode: mode)
    let cryptograms: KeySchedule.Cryptograms
    do {
      cryptograms = try KeySchedule.openSession(
        messaging.engine, from: staticKeys, into: messaging.keys, challenges)
    } catch {
      throw .crypto(error)
    }
    guard messaging.matches(cryptograms.card, answer.cardCryptogram.span.bytes) else { throw .cardNotAuthentic }
    let cryptogram = cryptograms.host
    return cryptogram.span.bytes.extracting(0..<mode.octets).octets
  }

  private func openingClass(isSecured: Bool) -> UInt8 {
    // No such channel: 80 and 84, which a card answers as it sees fit.
    ClassByte(isProprietary: true, channel: channel, isSecured: isSecured)?.rawValue ?? (isSecured ? 0x84 : 0x80)
  }

  // MARK: Messages

  /// A command as it goes to the card: encrypted and with its C-MAC, as the level says.
  ///
  /// Le stays as it is: it counts the plain response's octets, on top of which come padding and R-MAC.
  public mutating func wrap(_ command: CommandAPDU) throws(SecureChannelError) -> CommandAPDU {
    try expect(.open)
    guard level.contains(.commandMAC) else {
      phase = .awaitingResponse
      return command
    }
    let encrypts = level.contains(.commandDecryption) && !command.data.isEmpty
    var wrapped = command
    wrapped.cla = ClassByte(rawValue: command.cla).secured.rawValue
    let bodyCount = encrypts ? Padding.paddedCount(command.data.count) : command.data.count
    guard bodyCount <= CommandAPDU.extendedDataLimit - mode.octets,
      (1...CommandAPDU.extendedLeLimit).contains(command.le ?? 1)
    else { throw .commandTooLong }

    do throws(SecureChannelError) {
      messaging.countCommand()
      if encrypts { wrapped.data = try encrypted(command.data) }
      let isExtended =
        bodyCount + mode.octets > CommandAPDU.shortDataLimit || (command.le ?? 0) > CommandAPDU.shortLeLimit
      let header = CommandHeader(
        cla: wrapped.cla, ins: command.ins, p1: command.p1, p2: command.p2, le: command.le, isExtended: isExtended)
      wrapped.data = try appendingMAC(to: wrapped.data, header)
    } catch {
      throw end(error)
    }
    phase = .awaitingResponse
    return wrapped
  }

  /// The response inside what the card sent, checked.
  ///
  /// At levels with R-MAC, every 9000, 62xx and 63xx must carry a right one, also without data; an error word carries
  /// nothing at all (6.2.5).
  public mutating func unwrap(_ response: ResponseAPDU) throws(SecureChannelError) -> ResponseAPDU {
    try expect(.awaitingResponse)
    guard level.contains(.responseMAC) else {
      phase = .open
      return response
    }
    guard response.status.carriesResponseMAC else {
      guard response.data.isEmpty else { throw end(.unprotectedData(response.status)) }
      phase = .open
      return response
    }
    do throws(SecureChannelError) {
      let body = try removingMAC(from: response)
      let plain = level.contains(.responseEncryption) && !body.isEmpty ? try decrypted(body) : body
      phase = .open
      return ResponseAPDU(data: plain, status: response.status)
    } catch {
      throw end(error)
    }
  }

  /// Encrypts a key or other secret under the static Key-DEK, in CBC with a zero vector (Amendment D, 6.2.8).
  ///
  /// The plain octets are copied once, into memory that is wiped, and encrypted there in place.
  ///
  /// - Parameter data: at least one octet. It is padded with zeros to whole blocks, as PUT KEY wants a key of 24 octets.
  public mutating func encryptSensitiveData(_ data: RawSpan) throws(SecureChannelError) -> [UInt8] {
    guard isOpen else { throw phase == .ended ? .ended : end(.outOfTurn) }
    guard data.byteCount > 0 else { throw .sensitiveDataLength }
    let partial = data.byteCount % Padding.blockOctets
    let padding = partial == 0 ? 0 : Padding.blockOctets - partial
    let buffer = OctetBuffer(capacity: data.byteCount + padding)
    do throws(OctetError) {
      try buffer.append(data)
      try buffer.append(repeating: 0, count: padding)
    } catch {
      throw .sensitiveDataLength
    }
    do throws(CryptoError) {
      try buffer.withMutableBytes { (bytes) throws(CryptoError) in
        try messaging.engine.encryptCBC(staticKeys.dek, iv: Block(repeating: 0), &bytes)
      }
    } catch {
      throw end(.crypto(error))
    }
    return buffer.withBytes { $0.octets }
  }

  private mutating func expect(_ wanted: Phase) throws(SecureChannelError) {
    if phase == .ended { throw .ended }
    if phase != wanted { throw end(.outOfTurn) }
  }

  /// Ends the session because of `error`, which the caller throws.
  private mutating func end(_ error: SecureChannelError) -> SecureChannelError {
    if phase == .ended { return .ended }
    close()
    return error
  }
}

extension SecureChannelHost {
  /// The padded data, encrypted in place in memory that is wiped: a command may carry PIN and PUK.
  private func encrypted(_ data: [UInt8]) throws(SecureChannelError) -> [UInt8] {
    let count = Padding.paddedCount(data.count)
    let buffer = OctetBuffer(capacity: count)
    do throws(OctetError) {
      try buffer.append(data.span.bytes)
      try buffer.append(0x80 as UInt8)
      try buffer.append(repeating: 0, count: count - buffer.count)
    } catch {
      throw .commandTooLong
    }
    do throws(CryptoError) {
      let vector = try messaging.commandVector()
      try buffer.withMutableBytes { (bytes) throws(CryptoError) in
        try messaging.engine.encryptCBC(messaging.keys.enc, iv: vector, &bytes)
      }
    } catch {
      throw .crypto(error)
    }
    return buffer.withBytes { $0.octets }
  }

  private func decrypted(_ body: [UInt8]) throws(SecureChannelError) -> [UInt8] {
    guard body.count.isMultiple(of: Padding.blockOctets) else { throw .responseNotAuthentic }
    let padded: [UInt8]
    do {
      let vector = try messaging.responseVector()
      padded = try SecureChannelHost.transformed(body) { (bytes) throws(CryptoError) in
        try messaging.engine.decryptCBC(messaging.keys.enc, iv: vector, &bytes)
      }
    } catch {
      throw .crypto(error)
    }
    guard let count = Padding.unpaddedCount(padded.span.bytes) else { throw .responseNotAuthentic }
    return Array(padded[..<count])
  }

  /// `data` and the C-MAC over it, which becomes the next chaining value.
  private mutating func appendingMAC(
    to data: [UInt8], _ header: CommandHeader
  ) throws(SecureChannelError) -> [UInt8] {
    let mac: Block
    do { mac = try messaging.commandMAC(header, data.span.bytes) } catch { throw .crypto(error) }
    messaging.advance(mac)
    return data + mac.span.bytes.extracting(0..<mode.octets).octets
  }

  /// The data field without its R-MAC, which was right.
  private func removingMAC(from response: ResponseAPDU) throws(SecureChannelError) -> [UInt8] {
    let count = response.data.count - mode.octets
    guard count >= 0 else { throw .responseNotAuthentic }
    let body = Array(response.data[..<count])
    let protected = body + [response.status.sw1, response.status.sw2]
    let mac: Block
    do { mac = try messaging.responseMAC(dataAndStatus: protected.span.bytes) } catch { throw .crypto(error) }
    let tag = Array(response.data[count...])
    guard messaging.matches(mac, tag.span.bytes) else { throw .responseNotAuthentic }
    return body
  }

  /// A copy of `data` after `change`.
  private static func transformed(
    _ data: [UInt8], _ change: (inout MutableRawSpan) throws(CryptoError) -> Void
  ) throws(CryptoError) -> [UInt8] {
    var data = data
    var span = data.mutableSpan
    var bytes = span.mutableBytes
    try change(&bytes)
    return data
  }
}
