import ISO7816
import Octets
import SecureChannel
import Testing

/// A session with a real card (a sysmoEUICC), from pySim's `tests/unittests/test_globalplatform.py` (osmocom/pysim).
struct PublishedSession: CustomTestStringConvertible, Sendable {
  let keyOctets: Int
  let initialize: String
  let answer: String
  let authenticate: String
  /// GET EID, wrapped, and the data field of its answer, whose status was 9000.
  let getEID: String
  let eid: String
  /// ``plainCases``, wrapped, one after the other.
  let cases: [String]

  var testDescription: String { "AES-\(keyOctets * 8), level \(authenticate.dropFirst(4).prefix(2))" }

  /// The key set: 00 01 02 ..., 10 11 12 ..., 20 21 22 ..., starting over after 16 octets.
  var keys: KeySet {
    func key(_ start: UInt8) -> [UInt8] { (0..<keyOctets).map { start + UInt8($0 % 16) } }
    return KeySet(enc: key(0x00), mac: key(0x10), dek: key(0x20))
  }

  static let plainGetEID = "80E2910006BF3E035C015A00"
  static let plainEID = "BF3E125A1089882119900000000000000000000005"
  static let plainCases = ["80F22002", "80CA006600", "80F220020A4F0212345C054F9F70C5", "80F28002024F0000"]
  /// AID of the ISD-R, which the sessions were opened with: it enters the pseudo-random challenges.
  static let applicationID = "A0000005591010FFFFFFFF8900000100"

  static let all: [PublishedSession] = [
    .init(
      keyOctets: 16, initialize: "8050300008B13E5F938FC108C400",
      answer: "000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002",
      authenticate: "84821100107D5F5826A993EBC89EEA24957FA0B3CE", getEID: "84E291000EBF3E035C015A558D036518A2829700",
      eid: "BF3E125A1089882119900000000000000000000005971BE68992DBBDFA",
      cases: [
        "84F220020863A63F8959827FB2", "84CA006608A0C6A4A74166F7CE00", "84F22002124F0212345C054F9F70C52249B50272656536",
        "84F280020A4F00E91443F6DCE6B8ED00",
      ]),
    .init(
      keyOctets: 16, initialize: "80503000088E1552D0513C60F300",
      answer: "0000000000000000000030037030760CD2C47C1DD395065FE5EAD8A9D7000001",
      authenticate: "8482030010FD4721A14D9B07003C451D2F8AE6BB21",
      getEID: "84E2910018CA9C00F6713D79BC8BAA642BDFF51C3F6A4082D3BD9AD26C00", eid: plainEID,
      cases: [
        "84F2200208C9811B11F1264CF1", "84CA006608E10AB60B3054798800",
        "84F22002184E2908BDB48B2315A55482E9E936CA122D6ECFAE7D17416E",
        "84F28002180DD10A6B6193E5340B9E77D32D5A179CD710AC2773AEFB2800",
      ]),
    .init(
      keyOctets: 16, initialize: "8050300008FDF38259A1E0DE4400",
      answer: "000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003",
      authenticate: "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
      getEID: "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00",
      eid: "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B9",
      cases: [
        "84F2200208AC6A59024BED84CC", "84CA006608409912AD8FB7AED000",
        "84F22002185F3DAFC3AC14C381536A488BF44E06D056DF9D74DBD21E5A",
        "84F280021865165105BE3373347D0424D4400AF2AC393F569EC779389E00",
      ]),
    .init(
      keyOctets: 24, initialize: "80503100087396430B768B085B00",
      answer: "000000000000000000003103708CFC23522FFDBF1E5DF5542CAC8FD866000003",
      authenticate: "84821100102145ED30B146F5DB252FB7E624CEC244", getEID: "84E291000EBF3E035C015AFF42CF801D14394400",
      eid: "BF3E125A1089882119900000000000000000000005162FBD33E04940A9",
      cases: [
        "84F22002084584E4F6784811EE", "84CA006608937776EBE190FA3000", "84F22002124F0212345C054F9F70C59A52BDDF3040368C",
        "84F280020A4F009804B11411F7393D00",
      ]),
    .init(
      keyOctets: 24, initialize: "805031000869C65DA8202BF19F00",
      answer: "00000000000000000000310370B570A67BE38446717729D6DD3D2EC5B1000001",
      authenticate: "848203001065DF4F1A356A887905466516D9E5B7C1",
      getEID: "84E2910018D2C6FB477C5D4AFE4FD4D21F17EFF10D3578EC1774A12A2D00", eid: plainEID,
      cases: [
        "84F2200208964E188F0B1BB697", "84CA006608F0820035A41D3E1800",
        "84F220021806B076ED452CD1FA84F77F5C08A146AA77A9286757DEA791",
        "84F2800218D06527E39222DCE091FABDB8E9B898417A67A6852D3577DB00",
      ]),
    .init(
      keyOctets: 24, initialize: "80503100089B3F2EEF0E8C937400",
      answer: "00000000000000000000310370F6BB305A15BAE1A68F79FB08212FBED7000002",
      authenticate: "84823300109100BC22D58B45B86A26365CE39FF3CF",
      getEID: "84E29100188F7F946C84F70D17994BC6E8791251BB1BB1BF02CF8DE58900",
      eid: "C05176C1B6F72AAE50C32CBEE63B0E95998928FD4DFB2BE9F27FFDE8C8476F5909B4805CC4039599",
      cases: [
        "84F2200208D5D97754B6B3D2BA", "84CA006608516C82B8E30ADBEB00",
        "84F2200218CC247F4761E6944277A4E0D6E32E44025B1E31537E2FC668",
        "84F2800218BA22B63D509BEF5D093B43E5EAED03ED23144AB2D9CB51DE00",
      ]),
    .init(
      keyOctets: 32, initialize: "805032000811666D57866C6F5400",
      answer: "0000000000000000000032037053EA8847EFA7674E41498A4D66CF0DEE000003",
      authenticate: "84821100102F2AD190EFF2FAFC4908996D1CEBD310", getEID: "84E291000EBF3E035C015AF4B680372542B59D00",
      eid: "BF3E125A10898821199000000000000000000000058012DD7F01F1C4C1",
      cases: [
        "84F2200208D618B7DA68D5FE52", "84CA0066088F3E055DB23AD5E500", "84F22002124F0212345C054F9F70C5B6E15CC42404915E",
        "84F280020A4F00AA124AA74AFE7F7500",
      ]),
    .init(
      keyOctets: 32, initialize: "8050320008C6066990FC426E1D00",
      answer: "000000000000000000003203708682CD81BBD8919F2DE3F2664581F118000001",
      authenticate: "848203001077C493B632EDADAF865A1E64ACC07CE9",
      getEID: "84E29100183DDAA60594963BEFAADA3525B492EDE23C2AB2C1CE3AFE4400", eid: plainEID,
      cases: [
        "84F2200208480DDC8E419DA38D", "84CA0066083E9D6A6C0B2D732000",
        "84F22002183EBFEF2DA8B04AF2A85F491F299B76973DF76FF08A4031BE",
        "84F2800218783FFF80990F5585B1055010EA95094A26E4A8F1EF4B18E100",
      ]),
    .init(
      keyOctets: 32, initialize: "805032000897B2055FE58599FD00",
      answer: "00000000000000000000320370A8439A22CEDF045FA9F1903B2834F26E000002",
      authenticate: "8482330010508A0FD959D2E547C6B33154A6BE2057",
      getEID: "84E29100187A5EF717EAF1E135AE92FE54429D0E465DECDA65F5FE5AEA00",
      eid: "EA90DBFA648A67C5EB6ABC57F8530B97D0CD5647C5E8732016B55203B078DD2ACE7F8BC5D1C1CD99",
      cases: [
        "84F2200208BCC5C17275545D93", "84CA00660804806ABA9D543BB600",
        "84F2200218717222491556EC81A45F49CE48BE33320024801A1C4CB0E0",
        "84F2800218561F105BCCD3A1642904B251CCC1228BEB80A82370A8637000",
      ]),
  ]
}

private func octets(_ hex: String) throws -> [UInt8] { try #require(Hex.decode(hex)) }

private func command(_ hex: String) throws -> CommandAPDU {
  let octets = try octets(hex)
  return try CommandAPDU(parsing: octets.span.bytes)
}

@Suite struct PublishedVectorTests {
  /// A link whose challenges, levels and versions are the session's.
  private func link(_ session: PublishedSession) throws -> Link {
    let initialize = try command(session.initialize)
    let level = SecurityLevel(rawValue: try command(session.authenticate).p1)
    let link = try Link(session.keys, .s8, level, keyVersion: initialize.p1, hostChallenge: initialize.data)
    link.card.keyVersion = initialize.p1
    link.card.sequenceCounter = (UInt32(try octets(session.answer)[31]), try octets(PublishedSession.applicationID))
    return link
  }

  @Test(arguments: PublishedSession.all)
  func theHostSaysWhatWasSaid(_ session: PublishedSession) throws {
    let link = try link(session)
    #expect(try link.host.initializeUpdate() == command(session.initialize))
    let answer = ResponseAPDU(data: try octets(session.answer), status: .ok)
    #expect(try link.host.externalAuthenticate(after: answer) == command(session.authenticate))
    #expect(link.host.card?.sequenceCounter == link.card.sequenceCounter?.value)
    try link.host.confirm(ResponseAPDU(status: .ok))

    #expect(try link.host.wrap(command(PublishedSession.plainGetEID)) == command(session.getEID))
    let eid = try link.host.unwrap(ResponseAPDU(data: try octets(session.eid), status: .ok))
    #expect(Hex.encode(eid.data) == PublishedSession.plainEID)
    for (plain, wrapped) in zip(PublishedSession.plainCases, session.cases) {
      #expect(try link.host.wrap(command(plain)) == command(wrapped))
      // What the card answered was not published; an error word leaves the session alive at every level.
      _ = try link.host.unwrap(ResponseAPDU(status: .referencedDataNotFound))
    }
  }

  @Test(arguments: PublishedSession.all)
  func theCardAnswersWhatWasAnswered(_ session: PublishedSession) throws {
    let link = try link(session)
    let ok: [UInt8] = [0x90, 0x00]
    #expect(link.card.transmit(try octets(session.initialize)) == (try octets(session.answer)) + ok)
    #expect(link.card.transmit(try octets(session.authenticate)) == ok)

    let eid = try octets(PublishedSession.plainEID)
    link.card.application = { _, _ in ResponseAPDU(data: eid, status: .ok) }
    #expect(link.card.transmit(try octets(session.getEID)) == (try octets(session.eid)) + ok)
    link.card.application = { _, _ in ResponseAPDU(status: .referencedDataNotFound) }
    for wrapped in session.cases {
      #expect(link.card.transmit(try octets(wrapped)) == [0x6A, 0x88])
    }
    let plain = [PublishedSession.plainGetEID] + PublishedSession.plainCases
    #expect(link.card.executed == (try plain.map(command)))
  }

  /// The key check value of GlobalPlatform's test key 40...4F, as GlobalPlatformPro prints it for AES.
  @Test func keyCheckValueOfTheTestKey() throws {
    let key: [UInt8] = (0x40...0x4F).map { $0 }
    let card = try TestCard(KeySet(enc: key, mac: key, dek: key))
    let check = try KeyCheckValue.of(KeySet.staticSlots.enc, card.engine)
    #expect(Hex.encode([check[0], check[1], check[2]]) == "504A77")
  }
}
