import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import Testing

/// Lengths, chains of commands and of responses (ISO/IEC 7816-4, 5.3).
@Suite struct TransmissionTests {
  @Test func responseComesInParts() throws {
    let bench = try Bench.issued()
    let whole = try bench.whole(.getData(.applicationStatus)).data
    #expect(whole.count == 58)
    let first = try bench.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20, le: 10))
    #expect(first.status == .bytesAvailable(48) && first.data == Array(whole[..<10]))
    let second = try bench.send(.getResponse(6))
    #expect(second.status == .bytesAvailable(42) && second.data == Array(whole[10..<16]))
    let third = try bench.send(.getResponse(256))
    #expect(third == ResponseAPDU(data: Array(whole[16...]), status: .ok))
    #expect(try bench.status(.getResponse(256)) == .conditionsNotSatisfied)
    // Without Le nothing but the count comes; another command takes what waits away.
    #expect(try bench.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20)).status == .bytesAvailable(58))
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xC0, p1: 1, le: 1)) == .incorrectP1P2)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xC0, data: [1], le: 1)) == .wrongLength)
    #expect(try bench.send(.getResponse(1)).data == [whole[0]])
    #expect(try bench.status(.verify(.pin)).rawValue == 0x63C3)
    #expect(try bench.status(.getResponse(1)) == .conditionsNotSatisfied)
    #expect(try bench.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x20)).status == .bytesAvailable(58))
    bench.reset()
    #expect(try bench.status(.getResponse(1)) == .conditionsNotSatisfied)
  }

  @Test func shortCardAnswersTheLongestObject() throws {
    var profile = Bench.profile
    profile.commandOctets = 261
    let bench = try Bench.secured(profile)
    let certificate = SeededRandom(seed: 950).octets(1_024)
    let session = try bench.open()
    #expect(try session.store(Bench.object(.issuerCertificate, certificate)).status == .ok)
    #expect(try session.send(.getData(.issuerCertificate)) == ResponseAPDU(data: certificate, status: .ok))
    bench.reset()
    let command = CommandAPDU.getData(.issuerCertificate)
    #expect(try bench.send(command).status == .bytesAvailable(0))
    #expect(try bench.whole(command).data == certificate)
  }

  /// An answer of the greatest length leaves the secure channel room for padding and MAC.
  @Test func longestAnswerKeepsItsSession() throws {
    let bench = try Bench.secured()
    let content = SeededRandom(seed: 951).octets(2_048)
    let session = try bench.open()
    let objects =
      Bench.object(.createFile, Bench.fileDescription(1, size: 2_048))
      + Bench.object(.referenceData, Bench.pin + Bench.puk)
    #expect(try session.store(objects).status == .ok)
    #expect(try session.status(.select(file: 1)) == .ok)
    for start in stride(from: 0, to: 2_048, by: 128) {
      let command = CommandAPDU.updateBinary(offset: UInt16(start), data: Array(content[start..<(start + 128)]))
      #expect(try session.status(command) == .ok)
    }
    #expect(try session.status(.verify(.pin, value: Bench.pin)) == .ok)
    #expect(try session.send(.readBinary(offset: 0, count: 65_536)) == ResponseAPDU(data: content, status: .ok))
    #expect(try session.status(.getData(.applicationStatus)) == .ok)
  }

  // MARK: Command chaining

  private func part(_ data: ArraySlice<UInt8>, isLast: Bool, of command: CommandAPDU) -> CommandAPDU {
    CommandAPDU(
      cla: isLast ? command.cla : command.cla | 0x10, ins: command.ins, p1: command.p1, p2: command.p2,
      data: Array(data), le: isLast ? command.le : nil)
  }

  @Test(arguments: [1, 3, 7]) func chainIsOneCommand(_ octets: Int) throws {
    let bench = try Bench.issued()
    let command = CommandAPDU.verify(.pin, value: Bench.pin)
    for start in stride(from: 0, to: 8, by: octets) {
      let end = min(start + octets, 8)
      #expect(
        try bench.send(part(command.data[start..<end], isLast: end == 8, of: command)) == .init(data: [], status: .ok))
    }
    #expect(try bench.status(.verify(.pin)) == .ok)
  }

  @Test func brokenChainIsRefusedAndForgotten() throws {
    let command = CommandAPDU.verify(.pin, value: Bench.pin)
    let first = part(command.data[..<4], isLast: false, of: command)
    let intruders: [CommandAPDU] = [
      .getData(.applicationStatus), .getResponse(8), CommandAPDU(cla: 0, ins: 0x20, p2: 0x82, data: [1]),
      CommandAPDU(cla: 0, ins: 0x20, p1: 1, p2: 0x81), CommandAPDU(cla: 0x80, ins: 0x20, p2: 0x81),
    ]
    for intruder in intruders {
      let bench = try Bench.issued()
      #expect(try bench.status(first) == .ok)
      #expect(try bench.status(intruder) == .lastCommandOfChainExpected)
      // The rest of the chain is a command of its own now: a PIN of four octets.
      #expect(try bench.status(part(command.data[4...], isLast: true, of: command)) == .wrongLength)
      #expect(try bench.status(command) == .ok)
    }
    let bench = try Bench.issued()
    #expect(try bench.status(first) == .ok)
    bench.reset()
    #expect(try bench.status(part(command.data[4...], isLast: true, of: command)) == .wrongLength)
  }

  @Test func chainIsNoLongerThanACommandMayBe() throws {
    let bench = try Bench.issued()
    let piece = CommandAPDU(cla: 0x90, ins: 0xE2, p1: 0x90, data: [UInt8](repeating: 1, count: 255))
    for _ in 0..<8 { #expect(try bench.status(piece) == .ok) }
    #expect(try bench.status(piece) == .wrongLength)
    #expect(try bench.status(.getData(.applicationStatus)) == .ok)
  }

  /// A secured command goes in a chain as it goes in one extended APDU: one C-MAC over the whole.
  @Test(arguments: SecurityLevel.defined.filter { $0.contains(.commandDecryption) })
  func securedCommandInAChain(_ level: SecurityLevel) throws {
    let bench = try Bench.issued()
    let session = try bench.open(level: level)
    let objects = Bench.object(.issuerCertificate, SeededRandom(seed: 952).octets(700))
    let block = try #require(try CommandAPDU.storeData(objects, blockOctets: 1_000).first)
    let wrapped = try session.wrap(block)
    for start in stride(from: 0, to: wrapped.data.count, by: 255) {
      let end = min(start + 255, wrapped.data.count)
      let isLast = end == wrapped.data.count
      let answer = try bench.send(part(wrapped.data[start..<end], isLast: isLast, of: wrapped))
      if isLast { #expect(try session.unwrap(answer).status == .ok) } else { #expect(answer.status == .ok) }
    }
    let extended = try session.send(CommandAPDU(cla: 0x80, ins: 0xCA, p1: 0xDF, p2: 0x25, le: 65_536))
    #expect(extended == ResponseAPDU(data: Array(objects[5...]), status: .ok))
  }

  // MARK: Forms of commands

  @Test func extendedFormsOfACommand() throws {
    let bench = try Bench.issued()
    let head: [UInt8] = [0x00, 0x20, 0x00, 0x81]
    #expect(bench.transmit(head + [0, 0, 8] + Bench.pin) == [0x90, 0x00])
    let getData: [UInt8] = [0x80, 0xCA, 0xDF, 0x20]
    #expect(bench.transmit(getData + [0, 0, 0]).count == 60)
    #expect(bench.transmit(getData + [0, 0, 0x0A]).suffix(2) == [0x61, 48])
    #expect(bench.transmit([0x00, 0x88, 0, 0, 0, 0, 8] + Bench.puk + [0, 0]).count == 66)
  }

  @Test(
    arguments: [
      [], [0], [0, 0xA4], [0, 0xA4, 4], [0, 0x20, 0, 0x81, 8, 1], [0, 0x20, 0, 0x81, 2, 1, 2, 3, 4],
      [0, 0x20, 0, 0x81, 0, 0], [0, 0x20, 0, 0x81, 0, 0, 8, 1], [0, 0x20, 0, 0x81, 0, 0, 0, 0],
    ] as [[UInt8]])
  func malformedCommands(_ octets: [UInt8]) throws {
    #expect(try Bench.issued().transmit(octets) == [0x67, 0x00])
  }

  @Test func commandsPastTheLimit() throws {
    let bench = try Bench.issued()
    let head: [UInt8] = [0x80, 0xE2, 0x90, 0x00, 0x00]
    let longest = Int(Bench.profile.commandOctets)
    for (count, word) in [(longest, [0x69, 0x82]), (longest + 1, [0x67, 0x00])] as [(Int, [UInt8])] {
      let data = [UInt8](repeating: 1, count: count - 7)
      #expect(bench.transmit(head + [UInt8(data.count >> 8), UInt8(data.count & 0xFF)] + data) == word)
    }
  }
}
