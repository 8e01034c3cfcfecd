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

/// The typed commands: against a card as it is, and against cards that answer what they like.
@Suite struct WarifuCardTests {
  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

  @Test func holdersCommands() throws {
    let connection = try CardConnection(try Specimen.inMemory())
    let card = try WarifuCard(connection)
    #expect(try card.pinTriesLeft() == 3)
    let wrong = #expect(throws: CardError.self) { try card.verify(pin: secret("9999")) }
    #expect(wrong?.code == .wrongReferenceData(triesLeft: 2) && wrong?.status?.rawValue == 0x63C2)
    for pin in ["123", "123456789", ""] {
      #expect(throws: CardError.self) { try card.verify(pin: secret(pin)) }
    }
    #expect(try card.pinTriesLeft() == 2)
    try card.change(.pin, from: secret(Specimen.pin), to: secret("86420"))
    try card.change(.puk, from: secret(Specimen.puk), to: secret("11223344"))
    for _ in 0..<3 { #expect(throws: CardError.self) { try card.verify(pin: secret("0000")) } }
    #expect(try card.pinTriesLeft() == 0)
    try card.unblock(puk: secret("11223344"), newPIN: secret("7777"))
    try card.verify(pin: secret("7777"))
    #expect(try card.pinTriesLeft() == 3)
    #expect(try card.readFile(Specimen.fileID) == Specimen.fileContent)
    #expect(throws: CardError.self) { try card.readFile(0x4242) }

    let key = Secret(copying: [UInt8](repeating: 0x33, count: 32))
    let wrapped = try card.wrap(key, level: .message, codeIndex: 0, messageID: Array("to B".utf8))
    #expect(try card.unwrap(wrapped, level: .message, codeIndex: 0, messageID: Array("to B".utf8)).matches(key))
    #expect(throws: CardError.self) { _ = try card.unwrap(wrapped, level: .message, codeIndex: 1) }

    let digest = Digest.sha256([1, 2, 3])
    let signatureKey = try VerificationKey(octets: try card.certificate(.signaturePublicKey))
    try signatureKey.verify(digest: digest, try card.sign(digest: digest))
  }

  @Test func M7_cardComparesTheCodeThroughItsDriver() throws {
    let card = try WarifuCard(try CardConnection(try Specimen.inMemory()))
    let serial = try card.status().serial
    let userKey = try Derivation.kbkdf(
      Secret(copying: Specimen.individualKey), label: .copyLicenseUserKey, octets: 32
    ) { (context) throws(OctetError) in try context.appendField(.cardSerial, serial.octets.span.bytes) }
    let certificationKey = Secret(copying: [UInt8](repeating: 0x44, count: 32))
    let contentKey = Secret(copying: [UInt8](repeating: 0x55, count: 32))
    let input = OctetBuffer(capacity: 256)
    let softwareID = try #require(SoftwareID(octets: [UInt8](repeating: 1, count: 16)))
    let mediumID = try #require(MediumID(octets: [UInt8](repeating: 2, count: 12)))
    let terms = [1] + [UInt8](repeating: 0, count: 9)
    try input.becomeCertificateInput(
      softwareID: softwareID.octets.span.bytes, mediumID: mediumID.octets.span.bytes, terms: terms.span.bytes)
    let octets = input.withBytes { $0.octets }
    let wrapping = try Derivation.kbkdf(certificationKey, label: .content, octets: 32) {
      (context) throws(OctetError) in try context.appendField(.certificateInput, octets.span.bytes)
    }
    var certificate = WarifuCard.CopyCertificate(
      softwareID: softwareID, mediumID: mediumID, terms: terms,
      wrappedCertificationKey: try KeyWrap.wrap(certificationKey, under: userKey),
      certificateCode: try CMAC.tag(certificationKey, octets))
    let wrapped = try KeyWrap.wrap(contentKey, under: wrapping)
    try card.certify(certificate)
    #expect(try card.releaseContentKey(certificate, wrappedContentKey: wrapped).matches(contentKey))
    certificate.mediumID = try #require(MediumID(octets: [UInt8](repeating: 3, count: 12)))
    let refused = #expect(throws: CardError.self) { try card.certify(certificate) }
    #expect(refused?.status == .securityStatusNotSatisfied)
  }

  @Test func otherCardsAreNamedAsSuch() throws {
    let connection = try CardConnection(try ScriptedTransport(answers: [[0x6A, 0x82]]))
    let error = #expect(throws: CardError.self) { _ = try WarifuCard(connection) }
    #expect(error?.status == .fileNotFound && error?.description.contains("no Warifu card") == true)
    let ended = try CardConnection(try ScriptedTransport(answers: [[0x69, 0x85]]))
    let end = #expect(throws: CardError.self) { _ = try WarifuCard(ended) }
    #expect(end?.description.contains("at its end") == true)
  }

  /// Answers that are too short, too long or no answer at all give an error: never a trap, a loop or a wrong value.
  @Test func cardsThatAnswerWhatTheyLike() throws {
    let random = SeededRandom(seed: Soak.seed("hostile cards"))
    let key = Secret(copying: [UInt8](repeating: 1, count: 32))
    let lengths = [0, 1, 2, 10, 25, 27, 30, 31, 32, 33, 57, 59, 62, 63, 65, 93, 255, 256]
    for length in lengths {
      for word: [UInt8] in [[0x90, 0x00], [0x63, 0x10], [0x61, 0x10], [0x6B, 0x00]] {
        let transport = try ScriptedTransport { command in
          command.ins == 0xA4 ? [0x90, 0x00] : random.octets(length) + word
        }
        let card = try WarifuCard(try CardConnection(transport))
        #expect(throws: CardError.self) { _ = try card.status() }
        if length != 26 { #expect(throws: CardError.self) { _ = try card.handOver(index: 0) } }
        if length != 40 { #expect(throws: CardError.self) { _ = try card.wrap(key, level: .right, codeIndex: 0) } }
        #expect(throws: CardError.self) {
          _ = try card.unwrap([UInt8](repeating: 1, count: 48), level: .right, codeIndex: 0)
        }
        if length != 64 {
          #expect(throws: CardError.self) { _ = try card.sign(digest: [UInt8](repeating: 1, count: 32)) }
          #expect(throws: CardError.self) { _ = try card.authenticate(challenge: [UInt8](repeating: 1, count: 16)) }
        }
        _ = try? card.lastReceipt()
        _ = try? card.codes()
        _ = try? card.readFile(1)
        _ = try? card.pinTriesLeft()
        #expect(transport.commands.count < 12_000)
      }
    }
  }

  /// A list that goes in circles, or whose pages say nothing.
  @Test func listsThatNeverEnd() throws {
    let entry: [UInt8] = [0, 5, 1, 1, 0] + [UInt8](repeating: 0, count: 26)
    for page in [entry, [], [0xFF, 0xFF] + entry[2...]] {
      let transport = try ScriptedTransport { $0.ins == 0xA4 ? [0x90, 0x00] : page + [0x63, 0x10] }
      let card = try WarifuCard(try CardConnection(transport))
      #expect(throws: CardError.self) { _ = try card.codes() }
      #expect(transport.commands.count <= 3)
    }
  }
}
