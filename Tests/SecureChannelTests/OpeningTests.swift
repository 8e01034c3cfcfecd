import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// Ways in which a session does not open, and ways in which it ends.
@Suite struct OpeningTests {
  private func link(_ mode: SecureChannelMode = .s8, _ level: SecurityLevel = .full) throws -> Link {
    try Link(KeySet(octets: 16), mode, level)
  }

  // MARK: Host

  @Test func aCardWithOtherKeysIsNotAuthentic() throws {
    let link = try link()
    try KeySet(octets: 16).load(into: link.engine)
    let other: [UInt8] = [UInt8](repeating: 0xEE, count: 16)
    try link.engine.load(other.span.bytes, into: KeySet.staticSlots.mac)
    let answer = try link.transmit(link.host.initializeUpdate())
    #expect(throws: SecureChannelError.cardNotAuthentic) { try link.host.externalAuthenticate(after: answer) }
    #expect(throws: SecureChannelError.ended) { try link.host.externalAuthenticate(after: answer) }
    #expect(throws: SecureChannelError.ended) { try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2)) }
  }

  @Test(arguments: SecureChannelMode.allCases)
  func everyFlippedBitOfTheAnswerIsRefused(_ mode: SecureChannelMode) throws {
    let answer = try link(mode).transmit(link(mode).host.initializeUpdate())
    // The diversification data is not authenticated by itself: it decides on the keys.
    for bit in (InitializeUpdateResponse.diversificationOctets * 8)..<(answer.data.count * 8) {
      let link = try link(mode)
      _ = try link.transmit(link.host.initializeUpdate())
      var changed = answer
      changed.data[bit / 8] ^= 1 << UInt8(bit % 8)
      // Of "i" only the bits that rule the level out are looked at; the mode is in the lengths.
      if bit / 8 == 12, ![5, 6].contains(bit % 8) { continue }
      #expect(throws: SecureChannelError.self, "bit \(bit)") { try link.host.externalAuthenticate(after: changed) }
      #expect(link.engine.keyLength(KeySet.sessionSlots.enc) == nil)
    }
  }

  @Test func answersThatAreNotSCP03sAreRefused() throws {
    let good = try link().transmit(link().host.initializeUpdate()).data
    var scp02 = good
    scp02[11] = 0x02
    var otherVersion = good
    otherVersion[10] = 0x31
    for data in [[], Array(good.dropLast()), good + [0], good + [0, 0, 0, 0], scp02, otherVersion] {
      let link = try link()
      #expect(throws: SecureChannelError.unexpectedAnswer, "\(Hex.encode(data))") {
        try link.host.externalAuthenticate(after: ResponseAPDU(data: data, status: .ok))
      }
    }
  }

  @Test(arguments: [
    (UInt8(0x00), SecurityLevel(rawValue: 0x11), false), (0x20, SecurityLevel(rawValue: 0x11), true),
    (0x20, SecurityLevel.full, false), (0x60, SecurityLevel.full, true), (0x00, SecurityLevel(rawValue: 0x03), true),
    (0x70, SecurityLevel.full, true), (0x61, SecurityLevel(rawValue: 0x30), false),
  ])
  func optionsAllowLevels(_ options: UInt8, _ level: SecurityLevel, _ isAllowed: Bool) {
    #expect(SecureChannelOptions(rawValue: options).allows(level) == isAllowed)
  }

  @Test func refusalsAreToldAndNotRepeated() throws {
    let first = try link()
    #expect(throws: SecureChannelError.refused(.referencedDataNotFound)) {
      try first.host.externalAuthenticate(after: ResponseAPDU(status: .referencedDataNotFound))
    }
    let second = try link()
    _ = try second.host.externalAuthenticate(after: second.transmit(second.host.initializeUpdate()))
    #expect(throws: SecureChannelError.refused(.authenticationFailed)) {
      try second.host.confirm(ResponseAPDU(status: .authenticationFailed))
    }
    #expect(throws: SecureChannelError.ended) { try second.host.confirm(ResponseAPDU(status: .ok)) }
  }

  @Test func stepsOutOfTurnEndTheSession() throws {
    let early = try link()
    #expect(throws: SecureChannelError.outOfTurn) { try early.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2)) }
    let twice = try Link.opened()
    _ = try twice.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2))
    #expect(throws: SecureChannelError.outOfTurn) { try twice.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2)) }
    let unasked = try Link.opened()
    #expect(throws: SecureChannelError.outOfTurn) { try unasked.host.unwrap(ResponseAPDU(status: .ok)) }
    #expect(!early.hostIsOpen && !twice.hostIsOpen && !unasked.hostIsOpen)
  }

  @Test func sensitiveDataIsPaddedToWholeBlocks() throws {
    let link = try Link.opened()
    let empty: [UInt8] = []
    #expect(throws: SecureChannelError.sensitiveDataLength) { try link.host.encryptSensitiveData(empty.span.bytes) }
    for count in [1, 15, 16, 17, 24, 32] {
      let key = [UInt8](repeating: 7, count: count)
      let padded = key + [UInt8](repeating: 0, count: (16 - count % 16) % 16)
      let wrapped = try link.host.encryptSensitiveData(key.span.bytes)
      #expect(wrapped.count == padded.count && wrapped != padded)
      #expect(try link.card.decryptSensitiveData(wrapped) == padded)
    }
    let key = [UInt8](repeating: 7, count: 32)
    let wrapped = try link.host.encryptSensitiveData(key.span.bytes)
    #expect(throws: StatusWord.wrongLength) { try link.card.decryptSensitiveData([1, 2, 3]) }
    link.card.channel.close()
    #expect(throws: StatusWord.conditionsNotSatisfied) { try link.card.decryptSensitiveData(wrapped) }
  }

  @Test func sessionKeysGoWithTheSessionAndStaticKeysStay() throws {
    let sessionSlots = [KeySet.sessionSlots.enc, KeySet.sessionSlots.mac, KeySet.sessionSlots.rmac]
    let staticSlots = [KeySet.staticSlots.enc, KeySet.staticSlots.mac, KeySet.staticSlots.dek]
    let link = try Link.opened()
    for engine in [link.engine, link.card.engine] {
      #expect(sessionSlots.allSatisfy { engine.keyLength($0) == 16 })
    }
    link.host.close()
    link.card.channel.close()
    for engine in [link.engine, link.card.engine] {
      #expect(sessionSlots.allSatisfy { engine.keyLength($0) == nil })
      #expect(staticSlots.allSatisfy { engine.keyLength($0) == 16 })
    }
    var dropped: Link? = try Link.opened()
    let engines = [dropped?.engine, dropped?.card.engine]
    dropped = nil
    for engine in engines { #expect(sessionSlots.allSatisfy { engine?.keyLength($0) == nil }) }
  }

  // MARK: Card

  /// EXTERNAL AUTHENTICATE with `cryptogram`, under a right C-MAC made with the card's own key.
  private func sealed(_ cryptogram: [UInt8], _ card: TestCard) throws -> CommandAPDU {
    let head = [UInt8](repeating: 0, count: 16) + [0x84, 0x82, 0x33, 0x00, 0x10]
    var mac = Block(repeating: 0)
    try card.engine.cmac(KeySet.sessionSlots.mac, head.span.bytes, cryptogram.span.bytes, into: &mac)
    return CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: cryptogram + (0..<8).map { mac[$0] })
  }

  @Test func aWrongHostCryptogramIs6300() throws {
    let link = try link()
    _ = try link.transmit(link.host.initializeUpdate())
    let command = try sealed([UInt8](repeating: 0, count: 8), link.card)
    #expect(try link.transmit(command).status == .authenticationFailed)
    #expect(try link.transmit(command).status == .conditionsNotSatisfied, "one try for one challenge")
  }

  @Test func aWrongMACOfTheOpeningIs6982() throws {
    let link = try link()
    var command = try link.host.externalAuthenticate(after: link.transmit(link.host.initializeUpdate()))
    command.data[15] ^= 1
    #expect(try link.transmit(command).status == .securityStatusNotSatisfied)
    command.data[15] ^= 1
    #expect(try link.transmit(command).status == .conditionsNotSatisfied, "one try for one challenge")
  }

  @Test(arguments: [UInt8(0x02), 0x10, 0x30, 0x31, 0x32, 0x23, 0xFF])
  func undefinedLevelsAre6A86(_ level: UInt8) throws {
    let link = try link()
    var command = try link.host.externalAuthenticate(after: link.transmit(link.host.initializeUpdate()))
    command.p1 = level
    #expect(try link.transmit(command).status == .incorrectP1P2)
  }

  @Test func openingStatusWords() throws {
    let link = try link()
    let card = link.card
    let initialize = link.host.initializeUpdate()
    var changed = initialize
    changed.p2 = 1
    #expect(try link.transmit(changed).status == .incorrectP1P2)
    for count in [0, 7, 9, 15, 17, 255] {
      changed = initialize
      changed.data = [UInt8](repeating: 0, count: count)
      #expect(try link.transmit(changed).status == .wrongLength)
    }
    let authenticate = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: [UInt8](repeating: 0, count: 16))
    #expect(try link.transmit(authenticate).status == .conditionsNotSatisfied)

    _ = try link.transmit(initialize)
    var plainClass = authenticate
    plainClass.cla = 0x80
    #expect(try link.transmit(plainClass).status == .secureMessagingNotSupported)
    _ = try link.transmit(initialize)
    var short = authenticate
    short.data.removeLast()
    #expect(try link.transmit(short).status == .wrongLength)
    _ = try link.transmit(initialize)
    var elsewhere = authenticate
    elsewhere.cla = 0x85
    #expect(try link.transmit(elsewhere).status == .conditionsNotSatisfied)

    #expect(try link.transmit(CommandAPDU(cla: 0x84, ins: 0xE2)).status == .conditionsNotSatisfied)
    card.engine.erase(KeySet.staticSlots.mac)
    #expect(try link.transmit(initialize).status == .referencedDataNotFound)
  }

  @Test func initializeUpdateEndsTheSessionBefore() throws {
    let link = try Link.opened()
    var refused = link.host.initializeUpdate()
    refused.data = []
    #expect(try link.transmit(refused).status == .wrongLength)
    #expect(!link.cardIsOpen)
    #expect(link.card.engine.keyLength(KeySet.sessionSlots.mac) == nil)
  }

  @Test func anEngineThatFailsEndsTheSession() throws {
    let link = try Link.opened()
    link.card.engine.erase(KeySet.sessionSlots.rmac)
    let command = try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, data: [1]))
    #expect(try link.transmit(command) == ResponseAPDU(status: .noPreciseDiagnosis))
    #expect(!link.cardIsOpen)
    link.engine.erase(KeySet.sessionSlots.rmac)
    #expect(throws: SecureChannelError.crypto(.noSuchKey)) {
      try link.host.unwrap(ResponseAPDU(data: [UInt8](repeating: 0, count: 8), status: .ok))
    }
  }

  @Test func aResponseBufferWithoutRoomEndsTheSession() throws {
    for capacity in 20..<(20 + SecureChannelCard.responseOverhead) {
      let link = try Link.opened()
      let wrapped = try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2))
      let data = OctetBuffer(capacity: 64)
      try data.append(wrapped.data.span.bytes)
      _ = try link.card.channel.unwrap(CommandHeader(cla: wrapped.cla, ins: 0xE2, p1: 0, p2: 0), data: data)
      let response = OctetBuffer(capacity: capacity)
      try response.append(repeating: 1, count: 20)
      // 20 octets become 32, and 8 of MAC make 40.
      if capacity >= 40 {
        try link.card.channel.wrap(response, status: .ok)
        #expect(response.count == 40)
      } else {
        #expect(throws: StatusWord.noPreciseDiagnosis) { try link.card.channel.wrap(response, status: .ok) }
        #expect(response.count == 0)
        #expect(!link.cardIsOpen)
      }
    }
  }

  @Test func oneCommandHasOneResponse() throws {
    let link = try Link.opened()
    let response = OctetBuffer(capacity: 64)
    for _ in 0..<2 {
      // Before any command, and again after one whose response is out.
      try response.append(repeating: 1, count: 4)
      #expect(throws: StatusWord.conditionsNotSatisfied) { try link.card.channel.wrap(response, status: .ok) }
      #expect(response.count == 0)
      #expect(link.isAlive)
    }
  }

  @Test func everyErrorHasARemedy() {
    let errors: [SecureChannelError] = [
      .refused(.ok), .unexpectedAnswer, .levelNotSupported(.full), .cardNotAuthentic, .responseNotAuthentic,
      .unprotectedData(.ok), .outOfTurn, .ended, .commandTooLong, .sensitiveDataLength, .crypto(.failed),
    ]
    for error in errors { #expect(error.remedy.hasSuffix(".")) }
  }
}
