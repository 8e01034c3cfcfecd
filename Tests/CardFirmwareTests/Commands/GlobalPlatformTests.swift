import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// GlobalPlatform's data objects against the structure that the Card Specification 2.3.1 publishes for them.
@Suite struct GlobalPlatformTests {
  /// One level of BER-TLV as (tag, value).
  private func objects(_ octets: [UInt8]) throws -> [(tag: UInt32, value: [UInt8])] {
    var reader = TLVReader(octets.span.bytes)
    var list: [(UInt32, [UInt8])] = []
    while !reader.isAtEnd {
      let element = try reader.next()
      list.append((element.tag, element.value.octets))
    }
    return list
  }

  private func data(_ bench: Bench, _ tag: DataTag) throws -> [UInt8] {
    let answer = try bench.whole(.getData(tag))
    #expect(answer.status == .ok)
    return answer.data
  }

  /// Appendix H.2: 66 { 73 { 06 GlobalPlatform, 60 { card management }, 63 { card identification }, 64 { channel } } }.
  @Test(arguments: [(8, false, 0x60), (16, false, 0x61), (8, true, 0x70), (16, true, 0x71)] as [(UInt8, Bool, UInt8)])
  func cardRecognitionData(_ macOctets: UInt8, _ isPseudoRandom: Bool, _ options: UInt8) throws {
    var profile = Bench.profile
    profile.macOctets = macOctets
    profile.hasPseudoRandomChallenge = isPseudoRandom
    let outer = try objects(try data(try Bench.secured(profile), .cardRecognitionData))
    #expect(outer.map(\.tag) == [0x66])
    let inner = try objects(outer[0].value)
    #expect(inner.map(\.tag) == [0x73])
    let parts = try objects(inner[0].value)
    #expect(parts.map(\.tag) == [0x06, 0x60, 0x63, 0x64])
    // {globalPlatform 1}, {globalPlatform 2 v}, {globalPlatform 3}, {globalPlatform 4 scp i}, under 1.2.840.114283.
    let globalPlatform: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B]
    #expect(parts[0].value == globalPlatform + [1])
    #expect(try objects(parts[1].value).map(\.value) == [globalPlatform + [2, 2, 3, 1]])
    #expect(try objects(parts[2].value).map(\.value) == [globalPlatform + [3]])
    #expect(try objects(parts[3].value).map(\.value) == [globalPlatform + [4, 3, options]])
    // What INITIALIZE UPDATE says is the same: its "i" is the third octet of the key information.
    let bench = try Bench.secured(profile)
    let challenge = [UInt8](repeating: 1, count: Int(macOctets))
    let answer = try bench.send(CommandAPDU(cla: 0x80, ins: 0x50, data: challenge, le: 256))
    #expect(answer.data[12] == options)
    #expect(try parts[1...].allSatisfy { try objects($0.value).map(\.tag) == [0x06] })
  }

  /// 11.3.3.1, table 11-29: E0 { C0 { key id, version, type 88, length } }.
  @Test func keyInformationTemplate() throws {
    func entries(_ bench: Bench) throws -> [[UInt8]] {
      let outer = try objects(try data(bench, .keyInformation))
      #expect(outer.map(\.tag) == [0xE0])
      let keys = try objects(outer[0].value)
      #expect(keys.allSatisfy { $0.tag == 0xC0 })
      return keys.map(\.value)
    }
    let blank = try Bench.blank()
    #expect(try entries(blank) == (1...3).map { [$0, 0x30, 0x88, 0x20] })
    let bench = try Bench.issued()
    let generation: [[UInt8]] = [[1, 0x51, 0x88, 0x20], [1, 0x52, 0x88, 0x20]]
    #expect(try entries(bench) == (1...3).map { [$0, 0x01, 0x88, 0x20] } + generation)
    let session = try bench.open()
    #expect(try session.status(try session.putKey(0x05, bench.random.octets(48), count: 3)) == .ok)
    bench.reset()
    #expect(try entries(bench)[3...] == [[1, 5, 0x88, 0x10], [2, 5, 0x88, 0x10], [3, 5, 0x88, 0x10]] + generation)
  }

  /// 11.3.3.3: 9F7F with 42 octets.
  @Test func productionLifeCycleData() throws {
    let object = try objects(try data(try Bench.blank(), .productionLifeCycle))
    #expect(object.map(\.tag) == [0x9F7F] && object[0].value == [UInt8](repeating: 0x42, count: 42))
  }

  /// Appendix H.1.1 and H.1.2: 42 is the issuer's number, 45 the card's.
  @Test func issuerAndCardNumbers() throws {
    let bench = try Bench.blank()
    let issuer = try objects(try data(bench, .issuerIdentificationNumber))
    #expect(issuer.map(\.tag) == [0x42] && issuer[0].value.count == 3)
    let card = try objects(try data(bench, .cardImageNumber))
    let serial = try bench.serial
    #expect(card.map(\.tag) == [0x45] && card[0].value == serial.octets)
  }

  /// 11.9.3.1: 6F { 84 AID, A5 { 9F65 longest data field } }.
  @Test func controlInformation() throws {
    let bench = try Bench.issued()
    for (aid, name) in [
      (CardProtocol.applicationID, CardProtocol.applicationID),
      (CardProtocol.issuerDomainID, CardProtocol.issuerDomainID),
      ([], CardProtocol.issuerDomainID),
    ] {
      let outer = try objects(try bench.whole(.select(applicationID: aid)).data)
      #expect(outer.map(\.tag) == [0x6F])
      let inner = try objects(outer[0].value)
      #expect(inner.map(\.tag) == [0x84, 0xA5] && inner[0].value == name)
      let longest = try objects(inner[1].value)
      #expect(longest.map(\.tag) == [0x9F65] && longest[0].value == [0x07, 0xF7])
    }
    for aid in [[0xA0, 0, 0, 0, 3], [0xA0], CardProtocol.applicationID + [1]] {
      #expect(try bench.status(.select(applicationID: aid)) == .fileNotFound)
    }
    #expect(try bench.status(.select(applicationID: [UInt8](repeating: 1, count: 17))) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xA4, p1: 4, p2: 1)) == .incorrectP1P2)
  }

  @Test func issuerDomainsName() throws {
    let name = try objects(try data(try Bench.blank(), .issuerDomainID))
    #expect(name.map(\.tag) == [0x4F] && name[0].value == CardProtocol.issuerDomainID)
  }

  @Test func objectsThatAreNot() throws {
    let bench = try Bench.issued()
    for tag: UInt16 in [0x0000, 0x0067, 0xDF1F, 0xDF29, 0xDF30, 0xDF31, 0xDF32, 0xFFFF] {
      let command = CommandAPDU(cla: 0x80, ins: 0xCA, p1: UInt8(tag >> 8), p2: UInt8(tag & 0xFF), le: 256)
      #expect(try bench.status(command) == .referencedDataNotFound)
    }
    #expect(try bench.status(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20, data: [1])) == .wrongLength)
    #expect(try bench.status(.getData(.licenseCertificate)) == .referencedDataNotFound)
  }
}
