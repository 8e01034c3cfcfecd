import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// Every command that changes the card.
extension CardPowerCutTests {
  static let newPIN: [UInt8] = [0x39, 0x39, 0x39, 0x39, 0x39, 0xFF, 0xFF, 0xFF]

  static let scenarios: [Scenario] = [
    Scenario(name: "individual key", prepare: { try $0.openSession() }) {
      try $0.putKey(version: KeyVersion.individualKey, [TestCard.individualKey])
    },
    Scenario(name: "individual card's SET STATUS", prepare: { try $0.openSession() }) {
      try $0.sendSecured(.setStatus(.initialized, serial: serial))
    },
    Scenario(name: "key set", prepare: { try $0.openSession() }) {
      try $0.putKey(
        version: 2, keySet)
    },
    Scenario(
      name: "objects",
      prepare: { card in
        try card.openSession()
        // Refused when the command is repeated: a pair that has its certificate stays.
        _ = try card.sendSecured(.generateKeyPair(.authentication))
      }, command: { try $0.storeData(objects) }, isRepeatable: true),
    Scenario(
      name: "charge", prepare: { try $0.openSession() }, command: { try $0.storeData(charge()) }, isRepeatable: true),
    Scenario(name: "key pair", prepare: { try $0.openSession() }) { try $0.sendSecured(.generateKeyPair(.signature)) },
    Scenario(name: "right PIN", states: 3, prepare: { _ in }) { try $0.send(.verify(.pin, value: TestCard.pin)) },
    Scenario(name: "wrong PIN", prepare: { _ in }) { try $0.send(.verify(.pin, value: newPIN)) },
    Scenario(name: "new PIN", states: 4, prepare: { _ in }) {
      try $0.send(.change(.pin, from: TestCard.pin, to: newPIN))
    },
    Scenario(name: "unblocking", states: 4, prepare: { _ in }) {
      try $0.send(.unblock(puk: TestCard.puk, newPIN: newPIN))
    },
    Scenario(
      name: "handing over",
      prepare: {
        try charged($0); try verified($0)
      }, command: { try $0.sendSecured(.handOverCode(index: 1)) }, isRepeatable: true),
    Scenario(
      name: "using a key",
      prepare: {
        try charged($0); try verified($0)
      }
    ) {
      try $0.sendSecured(
        .useKey(.wrap, level: .message, codeIndex: 0, messageID: [1], key: [UInt8](repeating: 9, count: 32)))
    },
    Scenario(
      name: "deleting",
      prepare: { card in
        try charged(card)
        try verified(card)
        for _ in 0..<2 {
          try card.expectOK(
            card.sendSecured(
              .useKey(.wrap, level: .right, codeIndex: 0, messageID: [], key: [UInt8](repeating: 9, count: 16)))
          )
        }
        try card.openSession()
      }
    ) { try $0.sendSecured(.deleteCode(index: 0)) },
    Scenario(
      name: "setting the time",
      prepare: { card in
        try card.openSession()
        try card.expectOK(card.storeData(BERTLV.encode(tag: 0xDF27, value: centerKey().publicKey)))
      },
      command: { try setTime($0) }),
    Scenario(name: "locking", prepare: { try $0.openSession() }) {
      try $0.sendSecured(.setStatus(.cardLocked, serial: serial))
    },
    Scenario(name: "terminating", prepare: { try $0.openSession() }) {
      try $0.sendSecured(.setStatus(.terminated, serial: serial))
    },
    Scenario(name: "locking the application", prepare: { try $0.openSession() }) {
      try $0.sendSecured(.setApplicationLock(true))
    },
    Scenario(
      name: "moving a key set",
      prepare: { card in
        try card.openSession()
        try card.expectOK(card.putKey(version: 2, keySet))
      }
    ) { try $0.putKey(version: 3, replacing: 2, keySet) },
    Scenario(
      name: "deleting a key set",
      prepare: { card in
        try card.openSession()
        try card.expectOK(card.putKey(version: 2, keySet))
      }
    ) { try $0.sendSecured(.deleteKey(version: 2)) },
    Scenario(
      name: "writing a file",
      prepare: { card in
        try card.openSession()
        _ = try card.storeData(BERTLV.encode(tag: 0xDF31, value: [0x01, 0x01, 0, 0, 0x08, 0, 0x41]))
        try card.expectOK(card.sendSecured(.select(file: 0x0101)))
      }
    ) { try $0.sendSecured(.updateBinary(offset: 0, data: (0..<700).map { UInt8(truncatingIfNeeded: $0) })) },
    // A new key is refused where there is one already.
    Scenario(
      name: "generation key", prepare: { try $0.openSession() }, command: { try putGenerationKey($0) },
      probe: { card in
        try card.openSession()
        return try putGenerationKey(card)
      }),
  ]

  private static let keySet = (1...3).map { [UInt8](repeating: $0, count: 16) }

  private static var serial: CardSerial {
    get throws {
      guard let serial = CardSerial(octets: TestCard.serial) else { throw OctetError.invalid }
      return serial
    }
  }

  private static let objects =
    BERTLV.encode(tag: 0xDF23, value: [UInt8](repeating: 0x30, count: 500))
    + BERTLV.encode(tag: 0xDF25, value: [UInt8](repeating: 0x31, count: 700))

  /// Batch 1: a code for two uses, then some without a limit.
  private static func charge() throws -> [UInt8] {
    guard let title = SoftwareID(octets: [UInt8](repeating: 0x53, count: 16)) else { throw OctetError.invalid }
    let records = (0..<12).map {
      ChargeRecord(
        code: [UInt8](repeating: UInt8($0), count: 10), generationKey: 1, uses: $0 == 0 ? 2 : 0, softwareID: title,
        messageID: [UInt8](repeating: 0x49, count: $0))
    }
    return BERTLV.encode(tag: 0xDF30, value: try ChargeBatch(number: 1, records: records).encoded())
  }

  private static func charged(_ card: TestCard) throws {
    try card.openSession()
    try card.expectOK(card.storeData(charge()))
  }

  private static func verified(_ card: TestCard) throws {
    // PIN commands go inside the session while one is open.
    try card.expectOK(card.sendSecured(.verify(.pin, value: TestCard.pin)))
  }

  private static func centerKey() throws -> SigningKey {
    try SigningKey(scalar: Secret(copying: [UInt8](repeating: 0x17, count: 32)))
  }

  /// A challenge and the centre's word for it.
  private static func setTime(_ card: TestCard) throws -> ResponseAPDU {
    let time: UInt64 = 1_800_000_000
    let challenge = try card.sendSecured(.getChallenge(16)).data
    let input = OctetBuffer(capacity: 256)
    let serial = TestCard.serial
    try input.becomeTimeInput(serial: serial.span.bytes, challenge: challenge.span.bytes, time: time)
    let signature = try centerKey().sign(input.withBytes { $0.octets })
    return try card.sendSecured(.setTime(time, signature: signature))
  }

  private static func putGenerationKey(_ card: TestCard) throws -> ResponseAPDU {
    try card.putKey(version: KeyVersion.generationKeyBase + 2, [[UInt8](repeating: 0x62, count: 32)])
  }
}
