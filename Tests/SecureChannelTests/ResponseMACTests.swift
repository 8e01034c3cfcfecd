import ISO7816
import SecureChannel
import Testing

/// Who carries an R-MAC and who does not (Amendment D, 6.2.5), rule by rule, at every level that has one.
@Suite struct ResponseMACTests {
  static let levels: [SecurityLevel] = SecurityLevel.defined.filter { $0.contains(.responseMAC) }

  /// The response to an empty command as it leaves a card whose application answers `answer`.
  private func sent(_ answer: ResponseAPDU, _ link: Link) throws -> ResponseAPDU {
    link.card.application = { _, _ in answer }
    return try link.transmit(try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2)))
  }

  @Test(arguments: levels, SecureChannelMode.allCases)
  func successWithoutDataCarriesOne(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    let link = try Link.opened(mode, level)
    let response = try sent(ResponseAPDU(status: .ok), link)
    #expect(response.data.count == mode.octets)
    #expect(try link.host.unwrap(response) == ResponseAPDU(status: .ok))
  }

  @Test(arguments: levels, [UInt16(0x6200), 0x6283, 0x62FF, 0x6300, 0x63C2, 0x63FF])
  func warningsCarryOne(_ level: SecurityLevel, _ status: UInt16) throws {
    let link = try Link.opened(.s8, level)
    let answer = ResponseAPDU(data: [], status: StatusWord(rawValue: status))
    let response = try sent(answer, link)
    #expect(response.data.count == 8)
    #expect(try link.host.unwrap(response) == answer)
    link.card.application = { _, data in ResponseAPDU(data: data, status: .ok) }
    #expect(link.isAlive)
  }

  @Test(arguments: levels, [UInt16(0x6400), 0x6581, 0x6700, 0x6982, 0x6A82, 0x6CFF, 0x6F00, 0x6110, 0x9001])
  func errorWordsGoAlone(_ level: SecurityLevel, _ status: UInt16) throws {
    let link = try Link.opened(.s8, level)
    let status = StatusWord(rawValue: status)
    let response = try sent(ResponseAPDU(data: [1, 2, 3], status: status), link)
    #expect(response == ResponseAPDU(status: status), "the data beside it is wiped on the card")
    #expect(try link.host.unwrap(response).status == status)
    link.card.application = { _, data in ResponseAPDU(data: data, status: .ok) }
    #expect(link.isAlive, "an error word alone leaves the session alive")
  }

  @Test(arguments: levels, [UInt16(0x6400), 0x6A82, 0x6110, 0x9001])
  func anErrorWordWithDataEndsTheSession(_ level: SecurityLevel, _ status: UInt16) throws {
    let link = try Link.opened(.s8, level)
    let status = StatusWord(rawValue: status)
    #expect(throws: SecureChannelError.unprotectedData(status)) {
      try link.hostReceives(ResponseAPDU(data: [1], status: status))
    }
    #expect(throws: SecureChannelError.ended) { try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2)) }
  }

  @Test(arguments: levels, [UInt16(0x9000), 0x6283, 0x63C1])
  func aBareSuccessEndsTheSession(_ level: SecurityLevel, _ status: UInt16) throws {
    let link = try Link.opened(.s8, level)
    #expect(throws: SecureChannelError.responseNotAuthentic) {
      try link.hostReceives(ResponseAPDU(status: StatusWord(rawValue: status)))
    }
    #expect(!link.hostIsOpen)
  }

  @Test(arguments: levels, [1, 7, 8, 16, 24])
  func madeUpDataEndsTheSession(_ level: SecurityLevel, _ count: Int) throws {
    let link = try Link.opened(.s8, level)
    #expect(throws: SecureChannelError.responseNotAuthentic) {
      try link.hostReceives(ResponseAPDU(data: [UInt8](repeating: 0, count: count), status: .ok))
    }
    #expect(!link.hostIsOpen)
  }

  @Test(arguments: levels)
  func anErrorTurnedIntoSuccessEndsTheSession(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    var response = try sent(ResponseAPDU(status: .conditionsNotSatisfied), link)
    response.status = .ok
    #expect(throws: SecureChannelError.responseNotAuthentic) { try link.host.unwrap(response) }
  }

  @Test(arguments: SecurityLevel.defined.filter { !$0.contains(.responseMAC) })
  func otherLevelsPassResponsesAsTheyAre(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    for status in [UInt16(0x9000), 0x6283, 0x6A82] {
      let answer = ResponseAPDU(data: [1, 2], status: StatusWord(rawValue: status))
      #expect(try sent(answer, link) == answer)
      #expect(try link.host.unwrap(answer) == answer)
    }
  }
}
