import CardDriver
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Octets
import Testing
import card_rig

/// A trace tells what went on, and nobody's secrets.
@Suite struct TraceTests {
  /// Lines, and a clock that a millisecond passes at each look.
  private final class Paper {
    var lines: [String] = []
    private var ticks = 0

    func trace(_ transport: any APDUTransport) -> TracingTransport {
      TracingTransport(transport, now: { self.tick() }) { self.lines.append($0) }
    }

    private func tick() -> Duration {
      ticks += 1
      return .milliseconds(ticks)
    }

    /// The lines without their times.
    var texts: [String] { lines.map { String($0.drop { $0 != " " }.dropFirst()) } }
  }

  private func texts(_ command: CommandAPDU, _ answer: [UInt8]) throws -> [String] {
    let paper = Paper()
    _ = try paper.trace(try ScriptedTransport(answers: [answer])).transmit(command.encoded())
    return paper.texts
  }

  @Test func publicCommandsAreShown() throws {
    let control = ScriptedTransport.control(longest: 4_000)
    let expected = [
      "> SELECT 00A40400, 8 octets F057415249465501, Le 256",
      "< 9000 done, 9 octets 6F07A5059F65020FA0; 1.000 ms", "  file control information: proprietary data",
    ]
    #expect(try texts(.select(applicationID: CardProtocol.applicationID), control) == expected)
    #expect(
      try texts(.getData(.applicationStatus), [0x80, 0x01, 0x01, 0x90, 0x00]).first
        == "> GET DATA (application status) 80CADF20, Le 256")
    #expect(try texts(.verify(.pin), [0x63, 0xC2]).last?.hasPrefix("< 63C2 ") == true)
  }

  @Test func secretsAreLengths() throws {
    let pin = Array("12345678".utf8)
    #expect(
      try texts(.verify(.pin, value: pin), [0x90, 0x00])
        == ["> VERIFY 00200081, 8 octets hidden", "< 9000 done; 1.000 ms"])
    #expect(
      try texts(.handOverCode(index: 3), [1, 2, 3, 0x90, 0x00]).last == "< 9000 done, 3 octets hidden; 1.000 ms")
  }

  /// A secured command's INS is told, its body never; the one that opens the channel has a public cryptogram.
  @Test func securedBodiesAreLengths() throws {
    let body = [UInt8](repeating: 0x5A, count: 24)
    let getData = CommandAPDU(cla: 0x84, ins: 0xCA, p1: 0xDF, p2: 0x20, data: body, le: 256)
    let expected = [
      "> GET DATA (application status) (secured) 84CADF20, 24 octets hidden, Le 256",
      "< 9000 done, 24 octets hidden; 1.000 ms",
    ]
    #expect(try texts(getData, body + [0x90, 0x00]) == expected)
    let open = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: [UInt8](repeating: 1, count: 16))
    #expect(try texts(open, [0x90, 0x00]).first?.contains("0101") == true)
  }

  /// Every instruction in every class, known or not: whatever is not on the list of public ones is hidden.
  @Test func theUnknownIsHidden() throws {
    let shown: Set<UInt16> = [
      0x8014, 0x8018, 0x801C, 0x8050, 0x8082, 0x80E4, 0x80F0, 0x80F2, 0x8047, 0x80CA,
      0x0022, 0x002A, 0x0070, 0x0082, 0x0084, 0x0088, 0x00A4, 0x00CA,
    ]
    for cla in UInt8.min...0xFF {
      for ins in UInt8.min...0xFF {
        // P1 P2 of a public object, or of a signature.
        let command = CommandAPDU(
          cla: cla, ins: ins, p1: ins == 0x2A ? 0x9E : 0xDF, p2: ins == 0x2A ? 0x9A : 0x20, data: [1])
        let kind = ClassByte(rawValue: cla)
        let isPlain = kind.isValid && (kind.secureMessaging == .none || ins == 0x82)
        let isListed = shown.contains((cla & 0x80 == 0 ? 0 : 0x8000) | UInt16(ins))
        // HAND OVER CODE and OPEN CONVERSION KEYS: only the answer is secret.
        let asksOnly = cla & 0x80 != 0 && (ins == 0x10 || ins == Instruction.openConversionKeys.rawValue)
        #expect(command.schema.carriesSecret == !(isPlain && (isListed || asksOnly)), "\(cla) \(ins)")
        guard !command.schema.answersSecret else { continue }
        #expect(isPlain && (isListed || [0x20, 0x24, 0x2C, 0xD8, 0xE2, 0xD6].contains(ins)), "\(cla) \(ins)")
      }
    }
    #expect(CommandAPDU.getData(.applicationStatus).schema.carriesSecret == false)
    #expect(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0x12, p2: 0x34, le: 256).schema.answersSecret)
    // Deciphering answers a key, enciphering is given one.
    let (decipher, encipher) = (
      CommandAPDU(cla: 0x00, ins: 0x2A, p1: 0x80, p2: 0x86, data: [1]),
      CommandAPDU(cla: 0x00, ins: 0x2A, p1: 0x86, p2: 0x80, data: [1])
    )
    #expect(decipher.schema.answersSecret && encipher.schema.carriesSecret)
    #expect(CommandAPDU(cla: 0x80, ins: 0x14, p1: 0x01, data: [1], le: 256).schema.answersSecret)
  }

  /// What GET RESPONSE brings belongs to the command before.
  @Test func responsesInPiecesAreHiddenLikeTheWhole() throws {
    let paper = Paper()
    let card = try ScriptedTransport(answers: [[1, 0x61, 1], [2, 0x90, 0x00], [3, 0x90, 0x00]])
    let trace = paper.trace(card)
    let getResponse: [UInt8] = [0x00, 0xC0, 0x00, 0x00, 0x01]
    _ = try trace.transmit(CommandAPDU.handOverCode(index: 1).encoded())
    _ = try trace.transmit(getResponse)
    _ = try trace.transmit(getResponse)
    #expect(paper.texts.filter { $0.hasPrefix("<") }.allSatisfy { $0.contains("1 octet hidden") })
    #expect(paper.texts[2] == "> GET RESPONSE to HAND OVER CODE 00C00000, Le 1")
  }

  @Test func whatIsNoAPDUIsHidden() throws {
    let paper = Paper()
    _ = try paper.trace(try ScriptedTransport(answers: [[0x90, 0x00]])).transmit([0x00, 0x20, 0x00, 0x81, 0x09, 0x31])
    #expect(paper.texts.first == "> no APDU, 6 octets hidden")
  }

  @Test func errorsAreTold() throws {
    let paper = Paper()
    let card = try ScriptedTransport { (_) throws(CardTransportError) in
      throw CardTransportError(
        .cardRemoved, operation: "transmit", cardMayHaveChanged: true, remedy: "Insert the card again.")
    }
    #expect(throws: CardTransportError.self) { try paper.trace(card).transmit([0, 0xA4, 4, 0]) }
    #expect(paper.texts.last == "! cardRemoved: Insert the card again.; the card may have changed")
  }

  /// An issuer's and a holder's whole day on an emulated card: no PIN, PUK, code or key is anywhere in the trace.
  @Test func aGrepFindsNoSecret() throws {
    let paper = Paper()
    let connection = try CardConnection(paper.trace(try Specimen.inMemory()))
    let generationKey = SeededRandom(seed: 77).octets(32)
    var session = try Specimen.administration(connection)
    try session.putKeys(version: KeyVersion.generationKeyBase + 2, Secret(copying: generationKey), count: 1)
    try session.storeData(try Specimen.charge(2, count: 40))
    try connection.reset()

    let card = try WarifuCard(connection)
    let old = secret(Specimen.pin)
    try card.verify(pin: old)
    let handedOver = try card.handOver(index: 0).code.withBytes { $0.octets }
    let key = SeededRandom(seed: 78).octets(32)
    let wrapped = try card.wrap(Secret(copying: key), level: .right, codeIndex: 0)
    _ = try card.unwrap(wrapped, level: .right, codeIndex: 0)
    #expect(try card.readFile(Specimen.fileID) == Specimen.fileContent)
    try card.change(.pin, from: old, to: secret("80421357"))
    try card.unblock(puk: secret(Specimen.puk), newPIN: old)
    _ = try card.status()
    _ = try card.codes()

    let text = paper.lines.joined(separator: "\n").uppercased()
    for name in [
      "VERIFY", "STORE DATA (SECURED)", "PUT KEY (SECURED)", "INITIALIZE UPDATE", "HAND OVER CODE", "USE KEY",
    ] {
      #expect(text.contains("> " + name), "\(name) is missing")
    }
    let codes = try Specimen.batch(2, count: 40).records.map(\.code) + [handedOver]
    let keys = [generationKey, key, Specimen.generationKey, Specimen.individualKey, Specimen.fileContent]
    let references = [Specimen.pin, "80421357", Specimen.puk].map { Array($0.utf8) }
    for value in codes + keys + references { #expect(!text.contains(Hex.encode(value))) }
    #expect(!text.contains("80421357") && !text.contains(Specimen.puk))
  }

  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }
}
