import ISO7816
import Octets

/// The card's end of an SCP03 session, working in place on the firmware's buffers; nothing is allocated per command.
///
/// One session belongs to one logical channel. The firmware loads the key set that the host asks for into the static
/// slots, hands over INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, then every secured command for ``unwrap(_:data:from:)``
/// and its response for ``wrap(_:status:)``. The session keys are erased when the session ends, whichever way.
///
/// Status words: 6700 and 6A86 for commands that are malformed, 6985 without a session (GlobalPlatform API, `unwrap`),
/// 6300 for a wrong host cryptogram (Amendment D, 7.1.2.6), 6982 for a wrong C-MAC or padding, which ends the session as
/// the first command with erroneous cryptographic protection (GlobalPlatform 2.3.1, 10.2.3; Amendment D, 5.6).
public struct SecureChannelCard: ~Copyable {
  private enum Phase { case closed, challenged, open, owingResponse }

  /// The most octets that ``wrap(_:status:)`` adds to a response: a block of padding and a MAC.
  public static let responseOverhead = 32
  /// The most octets that ``initializeUpdate(_:hostChallenge:keyVersion:diversificationData:into:)`` answers.
  public static let initializeUpdateOctets = 48

  private let engine: any CryptoEngine
  private let staticKeys: StaticKeySlots
  private let sessionKeys: SessionKeySlots
  private var messaging: SecureMessaging
  private var expectedCryptogram = Block(repeating: 0)
  private var channel: UInt8 = 0
  private var phase = Phase.closed

  /// A card without a session.
  ///
  /// - Parameters:
  ///   - engine: what computes; it holds the keys.
  ///   - staticKeys: where the firmware puts the key set of the session to come.
  ///   - sessionKeys: slots of this session's own.
  public init(engine: any CryptoEngine, staticKeys: StaticKeySlots, sessionKeys: SessionKeySlots) {
    self.engine = engine
    self.staticKeys = staticKeys
    self.sessionKeys = sessionKeys
    messaging = SecureMessaging(engine: engine, keys: sessionKeys, mode: .s8, level: [])
  }

  deinit { messaging.eraseKeys() }

  /// Whether the host is authenticated.
  public var isOpen: Bool { phase == .open || phase == .owingResponse }

  /// The open session's level; `nil` without one.
  public var level: SecurityLevel? { isOpen ? messaging.level : nil }

  /// Ends the session: reset, another application selected, the logical channel closed.
  public mutating func close() {
    phase = .closed
    messaging.eraseKeys()
    expectedCryptogram = Block(repeating: 0)
  }

  // MARK: Opening

  /// INITIALIZE UPDATE with a random card challenge: i = 60, or 61 in mode S16 (Amendment D, 7.1.1).
  ///
  /// Ends whatever session there was, even when it fails. A host challenge of 8 octets asks for mode S8, one of 16 for
  /// S16.
  ///
  /// - Parameters:
  ///   - header: the command's; P1 is the firmware's to read, P2 must be 00.
  ///   - hostChallenge: the command's data field.
  ///   - keyVersion: version of the key set that the firmware has put into the static slots.
  ///   - diversificationData: 10 octets.
  ///   - response: becomes the response's data field.
  /// - Throws: 6A86, 6700, 6A88 when a static slot is empty, 6F00 when the engine fails.
  public mutating func initializeUpdate(
    _ header: CommandHeader, hostChallenge: RawSpan, keyVersion: UInt8, diversificationData: RawSpan,
    into response: OctetBuffer
  ) throws(StatusWord) {
    let mode = try begin(header, hostChallenge)
    var challenge = Block(repeating: 0)
    do {
      var span = challenge.mutableSpan
      var bytes = span.mutableBytes
      var output = bytes._mutatingExtracting(0..<mode.octets)
      try engine.random(into: &output)
    } catch {
      throw fail(error)
    }
    let card = Identification(keyVersion: keyVersion, challenge: challenge, sequenceCounter: nil)
    try answer(hostChallenge, card, diversificationData, into: response)
  }

  /// INITIALIZE UPDATE with a pseudo-random card challenge: i = 70, or 71 in mode S16 (Amendment D, 6.2.2.1).
  ///
  /// - Parameters:
  ///   - sequenceCounter: the key set's counter, 24 bits, which the firmware advances once the host is authenticated.
  ///   - applicationID: AID of the application that opens the session, 5 to 16 octets.
  public mutating func initializeUpdate(
    _ header: CommandHeader, hostChallenge: RawSpan, keyVersion: UInt8, diversificationData: RawSpan,
    sequenceCounter: UInt32, applicationID: RawSpan, into response: OctetBuffer
  ) throws(StatusWord) {
    let mode = try begin(header, hostChallenge)
    guard sequenceCounter <= 0xFF_FFFF, applicationID.byteCount <= 16 else { throw end(.noPreciseDiagnosis) }
    var context = InlineArray<19, UInt8>(repeating: 0)
    for index in 0..<3 { context[index] = UInt8(truncatingIfNeeded: sequenceCounter >> UInt32(16 - 8 * index)) }
    for index in 0..<applicationID.byteCount { context[3 + index] = applicationID[octet: index] }
    let challenge: Block
    do {
      challenge = try KeySchedule.deriveOctets(
        engine, staticKeys.enc, .cardChallenge, context.span.bytes.extracting(0..<(3 + applicationID.byteCount)), mode)
    } catch {
      throw fail(error)
    }
    let card = Identification(keyVersion: keyVersion, challenge: challenge, sequenceCounter: sequenceCounter)
    try answer(hostChallenge, card, diversificationData, into: response)
  }

  /// EXTERNAL AUTHENTICATE (Amendment D, 7.1.2): opens the session at the level in P1.
  ///
  /// - Parameter data: the command's data field, host cryptogram ‖ C-MAC.
  /// - Throws: 6985 unless INITIALIZE UPDATE went before, 6A86 for another level than ``SecurityLevel/defined``, 6700,
  ///   6882 when the class does not indicate secure messaging, 6982 for a wrong C-MAC, 6300 for a wrong cryptogram. After
  ///   each a new INITIALIZE UPDATE is needed.
  public mutating func externalAuthenticate(_ header: CommandHeader, data: RawSpan) throws(StatusWord) {
    guard phase == .challenged, header.classByte.logicalChannel == channel else { throw end(.conditionsNotSatisfied) }
    guard header.classByte.isGlobalPlatformSecured else { throw end(.secureMessagingNotSupported) }
    let level = SecurityLevel(rawValue: header.p1)
    guard level.isDefined, header.p2 == 0 else { throw end(.incorrectP1P2) }
    let octets = messaging.mode.octets
    guard data.byteCount == 2 * octets else { throw end(.wrongLength) }

    let cryptogram = data.extracting(0..<octets)
    let mac: Block
    do { mac = try messaging.commandMAC(header, cryptogram) } catch { throw end(.noPreciseDiagnosis) }
    guard messaging.matches(mac, data.extracting(octets..<(2 * octets))) else {
      throw end(.securityStatusNotSatisfied)
    }
    guard messaging.matches(expectedCryptogram, cryptogram) else { throw end(.authenticationFailed) }
    messaging.advance(mac)
    messaging.level = level
    phase = .open
  }

  // MARK: Messages

  /// Makes a secured command's data field plain, in place: checks and removes the C-MAC, decrypts, removes the padding.
  ///
  /// At level 00 an unsecured command passes as it is. A command without a body may come without one also at levels with
  /// C-DECRYPTION, or as one block of padding; the encryption counter counts it either way (Amendment D, 6.2.6).
  ///
  /// - Parameters:
  ///   - header: the command's.
  ///   - data: ends with the command's data field.
  ///   - start: where the data field begins in `data`; what is before stays.
  /// - Returns: the header with the class of the plain command.
  /// - Throws: 6985 without a session here; 6982 for an unsecured command at a higher level than 00, which leaves the
  ///   session alone; 6882 for a secured one at level 00; 6982 for a wrong C-MAC, length or padding, which ends it.
  public mutating func unwrap(
    _ header: CommandHeader, data: OctetBuffer, from start: Int = 0
  ) throws(StatusWord) -> CommandHeader {
    guard isOpen, header.classByte.logicalChannel == channel else { throw .conditionsNotSatisfied }
    guard header.classByte.secureMessaging == .none || header.classByte.isGlobalPlatformSecured else {
      throw .secureMessagingNotSupported
    }
    let isSecured = header.classByte.isGlobalPlatformSecured
    guard messaging.level.contains(.commandMAC) else {
      if isSecured { throw .secureMessagingNotSupported }
      phase = .owingResponse
      return header
    }
    guard isSecured else { throw .securityStatusNotSatisfied }

    messaging.countCommand()
    try removeMAC(header, data, start)
    if messaging.level.contains(.commandDecryption), data.count > start { try decrypt(data, start) }
    phase = .owingResponse
    var plain = header
    plain.cla = header.classByte.unsecured.rawValue
    return plain
  }

  /// Protects the response of the command unwrapped last, in place: encrypts the data, appends the R-MAC, as the level says.
  ///
  /// An error word goes alone: at levels with R-MAC its data is wiped (Amendment D, 6.2.5). The firmware sends `status`
  /// after `response`; for a command that ``unwrap(_:data:from:)`` refused it does not call this at all.
  ///
  /// - Parameters:
  ///   - response: the data field; needs room for ``responseOverhead`` octets more.
  ///   - status: what the response ends with.
  /// - Throws: 6985 when no command was unwrapped; 6F00 when the engine fails or there is no room, which ends the session.
  ///   `response` is empty then.
  public mutating func wrap(_ response: OctetBuffer, status: StatusWord) throws(StatusWord) {
    guard phase == .owingResponse else {
      response.wipe()
      throw .conditionsNotSatisfied
    }
    phase = .open
    guard messaging.level.contains(.responseMAC) else { return }
    guard status.carriesResponseMAC else {
      response.wipe()
      return
    }
    do throws(StatusWord) {
      if messaging.level.contains(.responseEncryption), response.count > 0 { try encrypt(response) }
      try appendMAC(response, status)
    } catch {
      response.wipe()
      throw end(error)
    }
  }

  /// Decrypts a key or other secret that the host encrypted under the static Key-DEK, in place (Amendment D, 6.2.8).
  ///
  /// - Throws: 6985 without a session, 6700 when `data` is no multiple of 16, 6F00 when the engine fails.
  public func decryptSensitiveData(_ data: inout MutableRawSpan) throws(StatusWord) {
    guard isOpen else { throw .conditionsNotSatisfied }
    guard data.byteCount.isMultiple(of: Padding.blockOctets) else { throw .wrongLength }
    do {
      try engine.decryptCBC(staticKeys.dek, iv: Block(repeating: 0), &data)
    } catch {
      throw .noPreciseDiagnosis
    }
  }

  /// Ends the session because of `status`, which the caller throws.
  private mutating func end(_ status: StatusWord) -> StatusWord {
    close()
    return status
  }

  /// Ends an opening that the engine could not carry out: an empty slot is a key set that is not there.
  private mutating func fail(_ error: CryptoError) -> StatusWord {
    end(error == .noSuchKey ? .referencedDataNotFound : .noPreciseDiagnosis)
  }
}

// MARK: Steps

extension SecureChannelCard {
  /// What tells one answer to INITIALIZE UPDATE from another.
  private struct Identification {
    let keyVersion: UInt8
    let challenge: Block
    let sequenceCounter: UInt32?

    /// The parameter "i" in `mode`.
    func options(_ mode: SecureChannelMode) -> SecureChannelOptions {
      var options: SecureChannelOptions = [.responseMAC, .responseEncryption]
      if mode == .s16 { options.insert(.s16) }
      if sequenceCounter != nil { options.insert(.pseudoRandomChallenge) }
      return options
    }
  }

  private mutating func begin(
    _ header: CommandHeader, _ hostChallenge: RawSpan
  ) throws(StatusWord) -> SecureChannelMode {
    close()
    guard header.p2 == 0 else { throw .incorrectP1P2 }
    guard let mode = SecureChannelMode(challengeOctets: hostChallenge.byteCount) else { throw .wrongLength }
    channel = header.classByte.logicalChannel
    messaging = SecureMessaging(engine: engine, keys: sessionKeys, mode: mode, level: [])
    return mode
  }

  private mutating func answer(
    _ hostChallenge: RawSpan, _ card: Identification, _ diversificationData: RawSpan, into response: OctetBuffer
  ) throws(StatusWord) {
    let mode = messaging.mode
    let challenge = card.challenge
    let cryptograms: KeySchedule.Cryptograms
    do {
      cryptograms = try KeySchedule.openSession(
        engine, from: staticKeys, into: sessionKeys,
        ChallengePair(host: hostChallenge, card: challenge.span.bytes, mode: mode))
    } catch {
      throw fail(error)
    }
    let cryptogram = cryptograms.card
    response.removeAll()
    do throws(OctetError) {
      guard diversificationData.byteCount == InitializeUpdateResponse.diversificationOctets else { throw .invalid }
      try response.append(diversificationData)
      try response.append(card.keyVersion)
      try response.append(UInt8(0x03))
      try response.append(card.options(mode).rawValue)
      try response.append(challenge.span.bytes.extracting(0..<mode.octets))
      try response.append(cryptogram.span.bytes.extracting(0..<mode.octets))
      if let counter = card.sequenceCounter {
        try response.append(UInt8(truncatingIfNeeded: counter >> 16))
        try response.append(UInt16(truncatingIfNeeded: counter))
      }
    } catch {
      response.removeAll()
      throw end(.noPreciseDiagnosis)
    }
    expectedCryptogram = cryptograms.host
    phase = .challenged
  }

  private mutating func removeMAC(_ header: CommandHeader, _ data: OctetBuffer, _ start: Int) throws(StatusWord) {
    let end = data.count - messaging.mode.octets
    guard start >= 0, end >= start else { throw self.end(.securityStatusNotSatisfied) }
    let mac: Block?
    do {
      mac = try data.withBytes { (bytes) throws(CryptoError) -> Block? in
        let mac = try messaging.commandMAC(header, bytes.extracting(start..<end))
        return messaging.matches(mac, bytes.extracting(end..<bytes.byteCount)) ? mac : nil
      }
    } catch {
      throw self.end(.noPreciseDiagnosis)
    }
    guard let mac else { throw self.end(.securityStatusNotSatisfied) }
    messaging.advance(mac)
    data.truncate(to: end)
  }

  private mutating func decrypt(_ data: OctetBuffer, _ start: Int) throws(StatusWord) {
    guard (data.count - start).isMultiple(of: Padding.blockOctets) else { throw end(.securityStatusNotSatisfied) }
    let plainCount: Int?
    do {
      let vector = try messaging.commandVector()
      plainCount = try data.withMutableBytes(from: start) { (bytes: inout MutableRawSpan) throws(CryptoError) in
        try engine.decryptCBC(sessionKeys.enc, iv: vector, &bytes)
        return Padding.unpaddedCount(bytes.bytes)
      }
    } catch {
      throw self.end(.noPreciseDiagnosis)
    }
    guard let plainCount else { throw end(.securityStatusNotSatisfied) }
    data.truncate(to: start + plainCount)
  }

  private func encrypt(_ response: OctetBuffer) throws(StatusWord) {
    let padding = Padding.paddedCount(response.count) - response.count
    do throws(OctetError) {
      try response.append(UInt8(0x80))
      try response.append(repeating: 0, count: padding - 1)
    } catch {
      throw .noPreciseDiagnosis
    }
    do throws(CryptoError) {
      let vector = try messaging.responseVector()
      try response.withMutableBytes { (bytes: inout MutableRawSpan) throws(CryptoError) in
        try engine.encryptCBC(sessionKeys.enc, iv: vector, &bytes)
      }
    } catch {
      throw .noPreciseDiagnosis
    }
  }

  /// The status word is put behind the data for the MAC's sake, and taken off again.
  private func appendMAC(_ response: OctetBuffer, _ status: StatusWord) throws(StatusWord) {
    let count = response.count
    do throws(OctetError) { try response.append(status.rawValue) } catch { throw .noPreciseDiagnosis }
    let mac: Block
    do {
      mac = try response.withBytes { (bytes) throws(CryptoError) in try messaging.responseMAC(dataAndStatus: bytes) }
    } catch {
      throw .noPreciseDiagnosis
    }
    response.truncate(to: count)
    let tag = mac.span.bytes.extracting(0..<messaging.mode.octets)
    do throws(OctetError) { try response.append(tag) } catch { throw .noPreciseDiagnosis }
  }
}
