import Cryptography
import ISCSI
import Octets
import Testing

@Suite struct CodecTests {
  /// RFC 3720, appendix B.4, whose checksums stand as they travel.
  static let checksums: [(octets: [UInt8], digest: [UInt8])] = [
    ([UInt8](repeating: 0, count: 32), [0xAA, 0x36, 0x91, 0x8A]),
    ([UInt8](repeating: 0xFF, count: 32), [0x43, 0xAB, 0xA8, 0x62]),
    (Array(0..<32), [0x4E, 0x79, 0xDD, 0x46]),
    (Array((0..<32).reversed()), [0x5C, 0xDB, 0x3F, 0x11]),
    (readCommand, [0x56, 0x3A, 0x96, 0xD9]),
  ]

  /// The SCSI READ (10) command of RFC 3720, appendix B.4.
  static let readCommand: [UInt8] =
    [0x01, 0xC0, 0, 0] + [UInt8](repeating: 0, count: 12) + [0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18]
    + [0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]

  @Test(arguments: checksums.indices) func digestsAreThoseOfTheStandard(_ index: Int) {
    #expect(Initiator.digest(Self.checksums[index].octets) == Self.checksums[index].digest)
  }

  @Test func headersSayWhatTheirOctetsSay() throws {
    let octets = Self.readCommand
    let header = try BasicHeaderSegment(parsing: octets.span.bytes)
    #expect(header.opcode == .scsiCommand)
    #expect(header.isFinal && header.isRead && !header.isWrite && !header.isImmediate)
    #expect(header.taskAttribute == .untagged)
    #expect(header.initiatorTaskTag == 0x1400_0000)
    #expect(header.expectedDataTransferLength == 1024)
    #expect(header.cmdSN == 0x14)
    #expect(header.expStatSN == 0x18)
    #expect(header.cdb[0] == 0x28)
    #expect(header.withBytes { $0.octets } == octets)
    #expect(throws: OctetError.truncated) {
      let short = Array(octets.dropLast())
      _ = try BasicHeaderSegment(parsing: short.span.bytes)
    }
  }

  @Test func fieldsLieWhereTheStandardPutsThem() {
    var header = BasicHeaderSegment(.loginRequest)
    header.isImmediate = true
    header.isTransit = true
    header.isContinued = false
    header.currentStage = .operational
    header.nextStage = .fullFeature
    header.isid = ISID(rawValue: 0x0102_0304_0506)
    header.tsih = 0x0708
    header.cid = 0x090A
    header.dataSegmentOctets = 0x01_0203
    let octets = header.withBytes { $0.octets }
    #expect(Array(octets[0...1]) == [0x43, 0x87])
    #expect(Array(octets[4...15]) == [0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8])
    #expect(Array(octets[20...21]) == [9, 10])
    #expect(header.paddingOctets == 1)
    #expect(header.isid.octets == [1, 2, 3, 4, 5, 6])

    var response = BasicHeaderSegment(.scsiResponse)
    response.residual = .overflow(5)
    #expect(response.withBytes { $0.octets }[1] == 0x84)
    response.residual = .underflow(6)
    #expect(response.residual == .underflow(6))
    #expect(response.withBytes { $0.octets }[1] == 0x82)
    response.residual = Residual(moved: 7, expected: 7)
    #expect(response.residual == .none)
  }

  @Test func serialNumbersWrapAround() {
    #expect((1 as UInt32).precedes(2))
    #expect(UInt32.max.precedes(0))
    #expect(!(0 as UInt32).precedes(UInt32.max))
    #expect(!(5 as UInt32).precedes(5))
  }
}

@Suite struct TextTests {
  @Test func pairsAreReadAndWritten() throws {
    let text = Array("A=1\0Key=a=b\0\0Empty=\0".utf8)
    #expect(try TextPair.parse(text) == [TextPair("A", "1"), TextPair("Key", "a=b"), TextPair("Empty", "")])
    #expect(TextPair("A", "1").octets == Array("A=1\0".utf8))
    #expect(try TextPair.parse([]) == [])
  }

  @Test(arguments: [
    "A=1", "A\0", "=1\0", "A=1\0B\0", "\u{1}=1\0", String(repeating: "k", count: 64) + "=1\0", "A B=1\0",
  ]) func whatIsNoTextIsRefused(_ text: String) {
    #expect(throws: TextError.malformed) { try TextPair.parse(Array(text.utf8)) }
  }

  @Test func octetsThatAreNoCharactersAreRefused() {
    #expect(throws: TextError.malformed) { try TextPair.parse([0x41, 0x3D, 0xFF, 0]) }
  }

  @Test func valuesAreWhatTheirTextSays() {
    #expect(TextValue.number("0") == 0)
    #expect(TextValue.number("262144") == 262_144)
    #expect(TextValue.number("0xfF") == 255)
    #expect(TextValue.number("18446744073709551615") == UInt64.max)
    for bad in ["", "0x", "-1", "1 ", "18446744073709551616", "0xg", "999999999999999999999"] {
      #expect(TextValue.number(bad) == nil, "\(bad)")
    }
    #expect(TextValue.bool("Yes") == true)
    #expect(TextValue.bool("No") == false)
    #expect(TextValue.bool("yes") == nil)
    #expect(TextValue.list("CRC32C,None") == ["CRC32C", "None"])
    #expect(TextValue.binary("0x0aFF", limit: 2) == [0x0A, 0xFF])
    #expect(TextValue.binary("0xabc", limit: 2) == [0x0A, 0xBC])
    #expect(TextValue.binary("0bAQID", limit: 3) == [1, 2, 3])
    #expect(TextValue.binary("0bAQ==", limit: 1) == [1])
    for bad in ["", "0x", "0b", "0a11", "0x010203", "0bAQ=", "0bA===", "0b=AQI", "0xzz"] {
      #expect(TextValue.binary(bad, limit: 2) == nil, "\(bad)")
    }
    #expect(TextValue.hexadecimal([0, 0xAB]) == "0x00ab")
  }
}

@Suite struct NegotiationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let key, offered: String
    let answer: String?
    let holds: @Sendable (OperationalParameters) -> Bool

    init(
      _ key: String, _ offered: String, _ answer: String?,
      _ holds: @escaping @Sendable (OperationalParameters) -> Bool = { _ in true }
    ) {
      self.key = key
      self.offered = offered
      self.answer = answer
      self.holds = holds
    }

    var testDescription: String { "\(key)=\(offered)" }
  }

  static let cases = [
    Case("HeaderDigest", "None", "None") { !$0.headerDigest },
    Case("HeaderDigest", "CRC32C,None", "CRC32C") { $0.headerDigest },
    Case("HeaderDigest", "None,CRC32C", "None") { !$0.headerDigest },
    Case("HeaderDigest", "X-a,CRC32C", "CRC32C") { $0.headerDigest },
    Case("HeaderDigest", "X-a", "Reject") { !$0.headerDigest },
    Case("DataDigest", "CRC32C", "CRC32C") { $0.dataDigest },
    Case("MaxConnections", "4", "4") { $0.maxConnections == 4 },
    Case("MaxConnections", "65535", "8") { $0.maxConnections == 8 },
    Case("MaxConnections", "0", "Reject") { $0.maxConnections == 1 },
    Case("InitialR2T", "No", "No") { !$0.initialR2T },
    Case("InitialR2T", "Yes", "Yes") { $0.initialR2T },
    Case("InitialR2T", "Maybe", "Reject") { $0.initialR2T },
    Case("ImmediateData", "No", "No") { !$0.immediateData },
    Case("MaxRecvDataSegmentLength", "512", nil) { $0.initiatorSegmentOctets == 512 },
    Case("MaxRecvDataSegmentLength", "511", "Reject") { $0.initiatorSegmentOctets == 8192 },
    Case("MaxRecvDataSegmentLength", "16777216", "Reject") { $0.initiatorSegmentOctets == 8192 },
    Case("MaxBurstLength", "16776192", "1048576") { $0.maxBurstOctets == 1_048_576 },
    Case("MaxBurstLength", "0x1000", "4096") { $0.maxBurstOctets == 4096 },
    Case("FirstBurstLength", "1048576", "262144") { $0.firstBurstOctets == 262_144 },
    Case("MaxOutstandingR2T", "16", "4") { $0.maxOutstandingR2T == 4 },
    Case("DataPDUInOrder", "No", "Yes"), Case("DataSequenceInOrder", "Yes", "Yes"),
    Case("DataPDUInOrder", "", "Reject"),
    Case("DefaultTime2Wait", "0", "2") { $0.time2Wait == 2 },
    Case("DefaultTime2Wait", "5", "5") { $0.time2Wait == 5 },
    Case("DefaultTime2Retain", "20", "0") { $0.time2Retain == 0 },
    Case("DefaultTime2Retain", "3601", "Reject"), Case("ErrorRecoveryLevel", "2", "0"),
    Case("ErrorRecoveryLevel", "3", "Reject"), Case("TaskReporting", "RFC3720,FastAbort", "RFC3720"),
    Case("iSCSIProtocolLevel", "2", "1"), Case("IFMarker", "No", "Reject"), Case("OFMarkInt", "2048", "Reject"),
    Case("X-org.example.more", "1", "NotUnderstood"), Case("InitiatorAlias", "me", nil),
  ]

  @Test(arguments: cases) func everyKeyIsAnsweredByItsRule(_ one: Case) throws {
    var negotiation = Negotiation(limits: NegotiationLimits())
    let answer = try negotiation.answer(TextPair(one.key, one.offered))
    #expect(answer == one.answer.map { TextPair(one.key, $0) })
    #expect(one.holds(negotiation.parameters))
  }

  @Test func aKeyIsNegotiatedOnce() throws {
    var negotiation = Negotiation(limits: NegotiationLimits())
    _ = try negotiation.answer(TextPair("InitialR2T", "No"))
    #expect(throws: TextError.repeatedKey) { try negotiation.answer(TextPair("InitialR2T", "Yes")) }
  }

  @Test func onlyTheFirstConnectionSpeaksForTheSession() throws {
    var session = OperationalParameters()
    session.initialR2T = false
    session.headerDigest = true
    var negotiation = Negotiation(limits: NegotiationLimits(), session: session)
    #expect(negotiation.parameters.headerDigest == false)
    #expect(try negotiation.answer(TextPair("InitialR2T", "Yes"))?.value == "Reject")
    #expect(negotiation.parameters.initialR2T == false)
    #expect(try negotiation.answer(TextPair("DataDigest", "CRC32C"))?.value == "CRC32C")
  }

  @Test func transferKeysAreIrrelevantToDiscovery() throws {
    var negotiation = Negotiation(limits: NegotiationLimits(), isDiscovery: true)
    #expect(try negotiation.answer(TextPair("MaxBurstLength", "4096"))?.value == "Irrelevant")
    #expect(try negotiation.answer(TextPair("HeaderDigest", "CRC32C"))?.value == "CRC32C")
  }

  @Test func aFirstBurstIsNoLongerThanABurst() throws {
    var negotiation = Negotiation(limits: NegotiationLimits())
    _ = try negotiation.answer(TextPair("MaxBurstLength", "1024"))
    negotiation.finish()
    #expect(negotiation.parameters.firstBurstOctets == 1024)
  }
}

@Suite struct ChallengeDigestTests {
  /// RFC 1994, 4.1, as Python's hashlib computes it.
  @Test func answersAreThoseOfAnotherImplementation() throws {
    let secret = Secret(copying: Array("correct horse battery".utf8))
    let challenge = Array(0..<16 as Range<UInt8>)
    let md5 = try ChallengeDigest.md5.answer(identifier: 0x27, secret: secret, challenge: challenge)
    #expect(Hex.encode(md5) == "8932CABBAD7C42BB3333A152D9788F08")
    let sha256 = try ChallengeDigest.sha256.answer(identifier: 0x27, secret: secret, challenge: challenge)
    #expect(Hex.encode(sha256) == "2D181EAC18FB1D54A5A1E39E891EB1ABA7A971F8974808A7549B834B912DBB3B")
  }
}
