import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

@Suite struct CardWalkTests {
  @Test func walk() throws {
    let random = SeededRandom(seed: 1)
    let made = try EmulatedCard.inMemory(random: random)
    let connection = try CardConnection(made.card)
    let card = try WarifuCard(connection)
    let blank = try card.status()
    #expect(blank.lifeCycle == .operatingReady)
    let individual = Secret(random: 32, from: random)
    do {
      var session = try AdministrationSession(
        connection, keys: made.production.transportKeys, keyVersion: KeyVersion.transportSet, random: random)
      try session.putKeys(version: KeyVersion.individualKey, individual, count: 1)
    }
    #expect(try WarifuCard(connection).status().lifeCycle == .secured)
    let serial = made.production.serial.octets
    func key(_ label: KeyLabel) throws -> [UInt8] {
      try Derivation.kbkdf(individual, label: label, octets: 32) { (b) throws(OctetError) in
        try b.appendField(.cardSerial, serial.span.bytes)
      }.withBytes { $0.octets }
    }
    let set = Secret(copying: try key(.channelEncryption) + key(.channelMAC) + key(.channelDataEncryption))
    var session = try AdministrationSession(
      connection, keys: set, keyVersion: KeyVersion.individualSet, random: random)
    let generation = Secret(random: 32, from: random)
    try session.putKeys(version: KeyVersion.generationKeyBase + 1, generation, count: 1)
    let sid = try #require(SoftwareID(octets: random.octets(16)))
    let batch = ChargeBatch(
      number: 1, records: (0..<5).map { _ in ChargeRecord(code: random.octets(10), generationKey: 1, softwareID: sid) })
    let pin = Array("1234".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
    let puk = Array("87654321".utf8)
    let answer = try session.storeData(
      BERTLV.encode(tag: 0xDF32, value: pin + puk) + BERTLV.encode(tag: 0xDF30, value: try batch.encoded()))
    #expect(answer.count == ChargeReceipt.octetCount)
    _ = try connection.reset()
    let codes = try card.codes()
    #expect(codes.count == 5)
    #expect(throws: CardError.self) { _ = try card.handOver(index: 0) }
    try card.verify(pin: Secret(copying: Array("1234".utf8)))
    let code = try card.handOver(index: 2)
    #expect(code.code.withBytes { $0.octets } == batch.records[2].code)
    let wrapped = try card.wrap(Secret(copying: [UInt8](repeating: 7, count: 32)), level: .message, codeIndex: 1)
    #expect(
      try card.unwrap(wrapped, level: .message, codeIndex: 1).withBytes { $0.octets }
        == [UInt8](repeating: 7, count: 32))
  }
}
