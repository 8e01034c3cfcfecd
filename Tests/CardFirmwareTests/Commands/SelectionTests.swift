import CardFirmware
import CardProtocol
import ISO7816
import Octets
import Testing

/// SELECT in all its forms, and EF.ATR/INFO (ISO/IEC 7816-4, 11.2.2 and clause 12).
@Suite struct SelectionTests {
  private func select(_ p1: UInt8, _ p2: UInt8, _ data: [UInt8] = []) -> CommandAPDU {
    CommandAPDU(cla: 0, ins: 0xA4, p1: p1, p2: p2, data: data, le: 256)
  }

  private func objects(_ octets: [UInt8]) throws -> [UInt32: [UInt8]] {
    var reader = TLVReader(octets.span.bytes)
    var objects: [UInt32: [UInt8]] = [:]
    while !reader.isAtEnd {
      let element = try reader.next()
      objects[element.tag] = element.value.octets
    }
    return objects
  }

  /// The AID in the control information that a SELECT answered; `nil` when it found none.
  private func found(_ bench: Bench, _ p2: UInt8, _ aid: [UInt8]) throws -> [UInt8]? {
    let response = try bench.whole(select(0x04, p2, aid))
    if response.status == .fileNotFound { return nil }
    try #require(response.status == .ok)
    let control = try objects(response.data)
    return try objects(try #require(control[0x6F]))[0x84]
  }

  // MARK: Applications

  @Test func partialNames() throws {
    let bench = try Bench.issued()
    for (aid, p2) in [(CardProtocol.applicationID, 0x00), (CardProtocol.issuerDomainID, 0x00)] as [([UInt8], UInt8)] {
      for length in 1...8 {
        #expect(try found(bench, p2, Array(aid[..<length])) == (length < 5 ? nil : aid), "\(length) octets")
      }
    }
    for length in 1..<8 {
      var other = Array(CardProtocol.applicationID[..<length])
      other[length - 1] ^= 1
      #expect(try found(bench, 0x00, other) == nil)
    }
    #expect(try found(bench, 0x00, [UInt8](repeating: 0xF0, count: 16)) == nil)
  }

  /// Next occurrence: no name at all goes through all applications, and stays where it was at the end.
  @Test func nextOccurrence() throws {
    let bench = try Bench.issued()
    #expect(try found(bench, 0x00, []) == CardProtocol.issuerDomainID)
    #expect(try found(bench, 0x02, []) == CardProtocol.applicationID)
    #expect(try found(bench, 0x02, []) == nil)
    #expect(try found(bench, 0x02, []) == nil)
    #expect(try found(bench, 0x02, CardProtocol.applicationID) == nil)
    bench.reset()
    #expect(try found(bench, 0x02, Array(CardProtocol.applicationID[..<6])) == CardProtocol.applicationID)
  }

  @Test func whatIsAnswered() throws {
    let bench = try Bench.issued()
    let parameters = try bench.send(select(0x04, 0x04, CardProtocol.applicationID)).data
    #expect(parameters == [0x62, 16, 0x82, 1, 0x38, 0x84, 8] + CardProtocol.applicationID + [0x8A, 1, 5])
    #expect(try bench.send(select(0x04, 0x0C, CardProtocol.applicationID)) == ResponseAPDU(data: [], status: .ok))
    let master: [UInt8] = [0x82, 1, 0x38, 0x83, 2, 0x3F, 0x00, 0x8A, 1, 5]
    for data: [UInt8] in [[], [0x3F, 0x00]] {
      #expect(try bench.send(select(0x00, 0x00, data)).data == [0x6F, 10] + master)
      #expect(try bench.send(select(0x00, 0x04, data)).data == [0x62, 10] + master)
      #expect(try bench.send(select(0x00, 0x0C, data)) == ResponseAPDU(data: [], status: .ok))
    }
    let file: [UInt8] = [0x80, 2, 0x02, 0x58, 0x82, 1, 0x01, 0x83, 2, 0x01, 0x01, 0x8A, 1, 5]
    for p1: UInt8 in [0x00, 0x02, 0x08] {
      #expect(try bench.send(select(p1, 0x00, [0x01, 0x01])).data == [0x6F, 14] + file)
      #expect(try bench.send(select(p1, 0x04, [0x01, 0x01])).data == [0x62, 14] + file)
    }
  }

  @Test func whatIsRefused() throws {
    let bench = try Bench.issued()
    for p2: UInt8 in [0x01, 0x03, 0x08, 0x10, 0x80] {
      #expect(try bench.status(select(0x04, p2, CardProtocol.applicationID)) == .incorrectP1P2)
      #expect(try bench.status(select(0x02, p2, [0x2F, 0x01])) == .incorrectP1P2)
    }
    for p1: UInt8 in [0x01, 0x03, 0x05, 0x09, 0x80] {
      #expect(try bench.status(select(p1, 0x00, [0x2F, 0x01])) == .incorrectP1P2)
    }
    #expect(try bench.status(select(0x02, 0x02, [0x2F, 0x01])) == .incorrectP1P2)
    #expect(try bench.status(select(0x02, 0x0C, [0x3F, 0x00])) == .fileNotFound)
    #expect(try bench.status(select(0x00, 0x0C, [0x2F, 0x00])) == .fileNotFound)
    for data: [UInt8] in [[1], [0x3F, 0x00, 0x2F]] {
      #expect(try bench.status(select(0x00, 0x00, data)) == .wrongLength)
    }
    #expect(try bench.status(select(0x08, 0x00)) == .wrongLength)
  }

  /// What is not found leaves what was selected.
  @Test func failedSelectionChangesNothing() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(select(0x02, 0x0C, [0x2F, 0x01])) == .ok)
    #expect(try bench.status(select(0x02, 0x0C, [0x77, 0x77])) == .fileNotFound)
    #expect(try bench.status(select(0x04, 0x00, [9, 9, 9, 9, 9])) == .fileNotFound)
    #expect(try bench.status(.readBinary(offset: 0, count: 1)) == .ok)
    #expect(try bench.status(select(0x00, 0x0C)) == .ok)
    try bench.verifyPIN()
    #expect(try bench.status(.readBinary(offset: 0, count: 1)) == .commandNotAllowed)
  }

  // MARK: EF.ATR/INFO

  @Test(arguments: LifeCycle.allCases.dropLast()) func everybodyReadsWhatTheCardCanDo(_ state: LifeCycle) throws {
    let bench = try Bench.inState(state)
    let control = try bench.send(select(0x02, 0x04, [0x2F, 0x01])).data
    #expect(control == [0x62, 14, 0x80, 2, 0, 19, 0x82, 1, 0x01, 0x83, 2, 0x2F, 0x01, 0x8A, 1, 5])
    let content = try bench.send(.readBinary(offset: 0, count: 256))
    #expect(content.status == .ok && content.data.count == 19)
    let told = try objects(content.data)
    #expect(told[0x43] == [0xD8] && told[0x47] == [0xF0, 0x01, 0xFB])
    let value = try #require(told[0x7F66])
    let limits = try ExtendedLengthInformation(parsing: value.span.bytes)
    #expect(limits == ExtendedLengthInformation(commandOctets: 2_048, responseOctets: 2_048))
    #expect(try bench.send(.readBinary(offset: 3, count: 5)).data == Array(content.data[3..<8]))
    #expect(try bench.status(.readBinary(offset: 19, count: 1)) == .wrongOffset)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xB0, p1: 0x81, le: 1)) == .incorrectP1P2)
  }

  @Test func nobodyWritesIt() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    #expect(try session.status(.select(file: CommandAPDU.informationFile)) == .ok)
    #expect(try session.status(.updateBinary(offset: 0, data: [1])) == .securityStatusNotSatisfied)
    for identifier: UInt16 in [0x2F00, 0x2F01, 0x3F00, 0x3FFF, 0xFFFF] {
      let object = Bench.object(.createFile, Bench.fileDescription(identifier, size: 1))
      #expect(try session.store(object).status == .incorrectData)
    }
  }

  /// The answer to reset tells the same as EF.ATR/INFO, but for the bit that is younger than many a reader of it: that
  /// the file tells how long commands may be.
  @Test func whatItTellsIsSo() throws {
    for profile in [Bench.profile, Bench.characterProfile, .board, .standard] {
      let octets = try profile.answerToReset.encoded()
      let atr = try ATR(parsing: octets.span.bytes)
      #expect(atr.protocols == [profile.transmissionProtocol.rawValue] && atr.isNegotiable)
      let historical = try #require(try atr.historicalBytes())
      let capabilities = try #require(historical.capabilities)
      #expect(historical.serviceData == 0xD8 && capabilities.logicalChannels == 4)
      #expect(capabilities.octets == [0xF0, 0x01, 0xDB])
      #expect(capabilities.channelsAssignedByCard && capabilities.channelsAssignedByHost)
      #expect(capabilities.extendedLength && !capabilities.extendedLengthInformation && capabilities.commandChaining)
    }
  }
}
