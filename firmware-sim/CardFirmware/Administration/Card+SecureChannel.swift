import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// SCP03 (Amendment D): opening a session under one of the card's key sets, and its messages.
extension Card {
  /// Whether there is a session, open or being opened, and it belongs to the logical channel of the command at hand.
  var isSessionHere: Bool { session.channel == channels.number }

  /// INITIALIZE UPDATE: P1 is the key version, 00 for the first there is of set 1, transport set, test set.
  ///
  /// The card has one session at a time; another logical channel does not end the one that is open.
  func initializeUpdate(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard isSessionHere || !channel.isOpen else { throw .conditionsNotSatisfied }
    endSession()
    guard data.byteCount == Int(profile.macOctets) else { throw .wrongLength }
    do throws(StatusWord) {
      session.channel = channels.number
      session.keyVersion = try loadStaticKeys(header.p1)
      try answerInitializeUpdate(header, data)
    } catch {
      endSession()
      throw error
    }
  }

  private func answerInitializeUpdate(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    var diversification = InlineArray<10, UInt8>(repeating: 0)
    diversification[0] = 0x57
    diversification[1] = 0x46
    for index in 0..<8 { diversification[2 + index] = production.serial[index] }
    guard profile.hasPseudoRandomChallenge else {
      return try channel.initializeUpdate(
        header, hostChallenge: data, keyVersion: session.keyVersion,
        diversificationData: diversification.span.bytes, into: output)
    }
    let counter = sequenceCounter(session.keyVersion)
    guard counter < Card.lastSequenceCounter else { throw .conditionsNotSatisfied }
    try channel.initializeUpdate(
      header, hostChallenge: data, keyVersion: session.keyVersion,
      diversificationData: diversification.span.bytes, sequenceCounter: counter,
      applicationID: CardAID.issuerDomain.span.bytes, into: output)
  }

  /// EXTERNAL AUTHENTICATE. Its own MAC is the channel's to check, so it comes here with its data as sent.
  func externalAuthenticate(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard isSessionHere else { throw .conditionsNotSatisfied }
    do throws(StatusWord) {
      try channel.externalAuthenticate(header, data: data)
      if profile.hasPseudoRandomChallenge { try advanceSequenceCounter(session.keyVersion) }
    } catch {
      endSession()
      throw error
    }
  }

  // MARK: Sequence counters

  /// The value at which a key set opens no more sessions.
  static let lastSequenceCounter: UInt32 = 0xFF_FFFF

  /// How many sessions were opened under a key set: the input of its next pseudo-random challenge.
  func sequenceCounter(_ version: UInt8) -> UInt32 {
    store.withValue(CardLayout.sequenceCounter(version)) { (octets) -> UInt32 in
      var reader = OctetReader(octets)
      guard let high = try? reader.u8(), let low = try? reader.u16() else { return Card.lastSequenceCounter }
      return UInt32(high) << 16 | UInt32(low)
    } ?? 0
  }

  /// Counts a session once its host is authenticated, so that neither a wrong cryptogram nor an unfinished opening costs
  /// the key set one of its 2^24 sessions, or the flash a write.
  private func advanceSequenceCounter(_ version: UInt8) throws(StatusWord) {
    let next = sequenceCounter(version) + 1
    let octets: InlineArray<3, UInt8> = [
      UInt8(truncatingIfNeeded: next >> 16), UInt8(truncatingIfNeeded: next >> 8), UInt8(truncatingIfNeeded: next),
    ]
    try atomically { () throws(StatusWord) in try put(CardLayout.sequenceCounter(version), octets.span.bytes) }
  }

  /// The key set that INITIALIZE UPDATE takes when it names none.
  var defaultKeyVersion: UInt8 {
    if has(CardLayout.individualKey) { return KeyVersion.individualSet }
    return has(CardLayout.keySet(KeyVersion.transportSet)) ? KeyVersion.transportSet : KeyVersion.testSet
  }

  // MARK: Messages

  /// Takes the secure channel off the command in `input`.
  ///
  /// Inside a session with command MAC every command is secured, but for MANAGE CHANNEL, which is no application's, and
  /// INITIALIZE UPDATE and a SELECT by AID, which end a session of any level (GlobalPlatform 2.3.1, 10.2.3). A session is
  /// one logical channel's; the others know nothing of it.
  ///
  /// - Returns: the plain header, and whether the answer must be protected.
  func unprotect(_ header: CommandHeader) throws(StatusWord) -> (header: CommandHeader, isProtected: Bool) {
    let isSecured = header.classByte.secureMessaging != .none
    if header.ins == Instruction.manageChannel.rawValue {
      guard !isSecured else { throw .secureMessagingNotSupported }
      return (header, false)
    }
    if header.ins == Instruction.externalAuthenticate.rawValue, isSecured, header.classByte.isProprietary {
      return (header, false)
    }
    if !isSecured, isSessionHere, Card.opensAnew(header) {
      endSession()
      return (header, false)
    }
    guard isSecured || isSessionHere && channel.level?.contains(.commandMAC) == true else { return (header, false) }
    guard isSessionHere else { throw .conditionsNotSatisfied }
    do {
      return (try channel.unwrap(header, data: input), true)
    } catch {
      if !channel.isOpen { endSession() }
      throw error
    }
  }

  /// Puts the secure channel on the answer in `output`.
  func protect(_ status: StatusWord) throws(StatusWord) {
    do { try channel.wrap(output, status: status) } catch {
      endSession()
      throw error
    }
  }

  /// Ends the session, and what was staged in it.
  func endSession() {
    channel.close()
    engine.erase(EngineSlot.channelStatic.enc)
    engine.erase(EngineSlot.channelStatic.mac)
    engine.erase(EngineSlot.channelStatic.dek)
    session.keyVersion = 0
    session.channel = nil
    session.registryCursor = nil
    dropStaging()
  }

  private static func opensAnew(_ header: CommandHeader) -> Bool {
    header.ins == Instruction.initializeUpdate.rawValue
      || header.ins == Instruction.select.rawValue && header.p1 == 0x04
  }

  /// Puts a key set into the channel's static slots.
  ///
  /// - Returns: its version.
  private func loadStaticKeys(_ wanted: UInt8) throws(StatusWord) -> UInt8 {
    let version = wanted == 0 ? defaultKeyVersion : wanted
    if version == KeyVersion.individualSet {
      guard has(CardLayout.individualKey) else { throw .referencedDataNotFound }
      try deriveFromIndividualKey(.channelEncryption, into: EngineSlot.channelStatic.enc)
      try deriveFromIndividualKey(.channelMAC, into: EngineSlot.channelStatic.mac)
      try deriveFromIndividualKey(.channelDataEncryption, into: EngineSlot.channelStatic.dek)
      return version
    }
    // Whoever else was given a key set does not undo what the issuer locked.
    guard lifeCycle != .cardLocked else { throw .conditionsNotSatisfied }
    guard let length = store.withValue(CardLayout.keySet(version), { $0.byteCount > 0 ? Int($0[octet: 0]) : 0 }) else {
      throw .referencedDataNotFound
    }
    try load(CardLayout.keySet(version), offset: 1, count: length, into: EngineSlot.channelStatic.enc)
    try load(CardLayout.keySet(version), offset: 1 + length, count: length, into: EngineSlot.channelStatic.mac)
    try load(CardLayout.keySet(version), offset: 1 + 2 * length, count: length, into: EngineSlot.channelStatic.dek)
    return version
  }
}
