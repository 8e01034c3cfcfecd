import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing
import card_rig

/// The driver's typed commands for registry, keys and conversion keys, against the emulated card.
@Suite struct TypedCommandTests {
  private func specimen() throws -> CardConnection {
    try CardConnection(try Specimen.inMemory(profile: Specimen.smallest))
  }

  @Test func registryHasEveryEntry() throws {
    var session = try Specimen.administration(try specimen())
    let entries = try session.registry([.issuerDomain, .applications, .loadFilesAndModules])
    #expect(entries.map(\.lifeCycle) == [LifeCycle.secured.rawValue, 0x07, 0x01])
    #expect(entries[0].applicationID == CardProtocol.issuerDomainID && entries[0].privileges.count == 3)
    #expect(entries[1].applicationID == CardProtocol.applicationID)
    #expect(entries[1].loadFileID == entries[2].applicationID && entries[2].moduleIDs == [CardProtocol.applicationID])
    #expect(entries[1].securityDomainID == CardProtocol.issuerDomainID)
  }

  @Test func keysAndApplicationComeAndGo() throws {
    let connection = try specimen()
    var session = try Specimen.administration(connection)
    try session.putKeys(version: 0x02, Secret(copying: SeededRandom(seed: 41).octets(48)), count: 3)
    try session.deleteKey(version: 0x02)
    #expect(throws: CardError.self) { try session.deleteKey(version: 0x02) }
    #expect(throws: CardError.self) { try session.deleteKey(version: KeyVersion.individualSet) }
    try session.setApplicationLock(true)
    try connection.reset()
    #expect(throws: CardError.self) { try WarifuCard(connection) }
  }

  @Test func M13_conversionKeysOpenThroughTheDriver() throws {
    let card = try WarifuCard(try specimen())
    let serial = try card.status().serial
    let secret = try Derivation.kbkdf(
      Secret(copying: Specimen.individualKey), label: .conversionSecret, octets: 32
    ) { (context) throws(OctetError) in try context.appendField(.cardSerial, serial.octets.span.bytes) }
    let medium = try #require(MediumID(octets: [1, 2, 3]))
    let software = try #require(SoftwareID(octets: [UInt8](repeating: 5, count: 16)))
    func wrap(_ octet: UInt8, _ info: [UInt8]) throws -> [UInt8] {
      let wrapping = try Derivation.hkdf(secret, salt: [], info: info, octets: 32)
      return try KeyWrap.wrap(Secret(copying: [UInt8](repeating: octet, count: 32)), under: wrapping)
    }
    let ku = try wrap(0x11, Array("Ku".utf8) + medium.octets)
    let ka = try wrap(0x22, Array("Ka".utf8) + medium.octets + software.octets)
    let toRun = try card.openConversionKey(mediumID: medium, wrappedMediumKey: ku)
    #expect(toRun.withBytes { $0.octets } == [UInt8](repeating: 0x11, count: 32))
    let toCopy = try card.openConversionKeys(
      softwareID: software, mediumID: medium, wrappedMediumKey: ku, wrappedMasterKey: ka)
    #expect(toCopy.mediumKey.withBytes { $0.octets } == [UInt8](repeating: 0x11, count: 32))
    #expect(toCopy.masterKey.withBytes { $0.octets } == [UInt8](repeating: 0x22, count: 32))
  }
}
