import ISO7816
import SecureChannel
import TestSupport
import Testing

/// Nothing that somebody between the two ends does to a message goes unnoticed.
@Suite struct IntegrityTests {
  static let commandLevels: [SecurityLevel] = SecurityLevel.defined.filter { $0.contains(.commandMAC) }

  /// Some of `0..<count`, or all of them in a soak run.
  private func sample(_ count: Int, _ random: inout Randomness) -> [Int] {
    let wanted = random.soak(48, full: count)
    guard wanted < count else { return Array(0..<count) }
    return Array((0..<count).shuffled(using: &random.generator).prefix(wanted))
  }

  @Test(arguments: commandLevels, SecureChannelMode.allCases)
  func everyFlippedBitOfACommandIsRefused(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    var random = Randomness("flipped bits of a command at \(level)")
    for count in [0, 20] {
      let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: [UInt8](repeating: 0xA5, count: count))
      let length = try Link.opened(mode, level).host.wrap(command).encoded().count
      for bit in sample(length * 8, &random) {
        let link = try Link.opened(mode, level)
        var octets = try link.host.wrap(command).encoded()
        octets[bit / 8] ^= 1 << UInt8(bit % 8)
        let answer = link.card.transmit(octets)
        #expect(answer.count == 2 && answer[0] >= 0x67, "bit \(bit) of \(octets)")
        #expect(link.card.executed.isEmpty, "bit \(bit) of \(octets)")
      }
    }
  }

  /// The words that carry an R-MAC: done, and warnings.
  private static let successes: [StatusWord] = [.ok, StatusWord(0x62, 0x83), StatusWord(0x63, 0xC2)]
  private static let responseLevels = commandLevels.filter { $0.contains(.responseMAC) }

  /// What the card answers to a command of `count` octets, which its application gives back with `status`.
  private func response(_ link: Link, _ count: Int, _ status: StatusWord) throws -> [UInt8] {
    link.card.application = { _, data in ResponseAPDU(data: data, status: status) }
    let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: [UInt8](repeating: 0xA5, count: count), le: 256)
    return try link.transmit(link.host.wrap(command)).encoded
  }

  @Test(arguments: responseLevels, SecureChannelMode.allCases)
  func everyFlippedBitOfAResponseIsRefused(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    var random = Randomness("flipped bits of a response at \(level)")
    for status in Self.successes {
      for count in [0, 20] {
        let length = try response(try Link.opened(mode, level), count, status).count
        for bit in sample(length * 8, &random) {
          let link = try Link.opened(mode, level)
          var octets = try response(link, count, status)
          octets[bit / 8] ^= 1 << UInt8(bit % 8)
          let changed = try parsed(octets)
          #expect(throws: SecureChannelError.self, "bit \(bit), \(status)") { try link.host.unwrap(changed) }
          #expect(!link.hostIsOpen)
        }
      }
    }
  }

  @Test(arguments: responseLevels, SecureChannelMode.allCases)
  func everyShortenedResponseIsRefused(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    for status in Self.successes {
      for count in [0, 20] {
        let whole = try parsed(try response(try Link.opened(mode, level), count, status)).data.count
        for kept in 0..<whole {
          for isFront in [true, false] {
            let link = try Link.opened(mode, level)
            var changed = try parsed(try response(link, count, status))
            changed.data = Array(isFront ? changed.data.prefix(kept) : changed.data.suffix(kept))
            #expect(throws: SecureChannelError.responseNotAuthentic, "\(kept) of \(whole), \(status)") {
              try link.host.unwrap(changed)
            }
            #expect(!link.hostIsOpen)
          }
        }
      }
    }
  }

  @Test(arguments: commandLevels, SecureChannelMode.allCases)
  func everyShortenedCommandIsRefused(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: [UInt8](repeating: 0xA5, count: 20))
    let count = try Link.opened(mode, level).host.wrap(command).data.count
    for kept in 0..<count {
      let link = try Link.opened(mode, level)
      var wrapped = try link.host.wrap(command)
      wrapped.data.removeLast(count - kept)
      #expect(try link.transmit(wrapped) == ResponseAPDU(status: .securityStatusNotSatisfied))
      #expect(!link.cardIsOpen)
    }
  }

  @Test(arguments: commandLevels)
  func aReplayedCommandIsRefused(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let wrapped = try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, data: [1]))
    #expect(try link.transmit(wrapped).status == .ok)
    #expect(try link.transmit(wrapped) == ResponseAPDU(status: .securityStatusNotSatisfied))
    #expect(link.card.executed.count == 1)
    #expect(!link.cardIsOpen)
    #expect(try link.transmit(wrapped) == ResponseAPDU(status: .conditionsNotSatisfied), "no session any more")
  }

  /// Two commands of a host to whom somebody answers an error word in between.
  private func twoCommands(_ link: Link) throws -> (first: CommandAPDU, second: CommandAPDU) {
    let first = try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, data: [1]))
    _ = try link.host.unwrap(ResponseAPDU(status: .executionError))
    return (first, try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, data: [2])))
  }

  @Test(arguments: commandLevels)
  func reorderedCommandsAreRefused(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let (first, second) = try twoCommands(link)
    #expect(try link.transmit(second) == ResponseAPDU(status: .securityStatusNotSatisfied))
    #expect(try link.transmit(first) == ResponseAPDU(status: .conditionsNotSatisfied))
    #expect(link.card.executed.isEmpty)
  }

  @Test(arguments: commandLevels)
  func aDroppedCommandIsNoticedAtTheNext(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let (_, second) = try twoCommands(link)
    #expect(try link.transmit(second) == ResponseAPDU(status: .securityStatusNotSatisfied))
    #expect(link.card.executed.isEmpty)
  }

  @Test(arguments: commandLevels.filter { $0.contains(.responseMAC) })
  func aReplayedResponseIsRefused(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: [1], le: 256)
    let old = try link.transmit(link.host.wrap(command))
    _ = try link.host.unwrap(old)
    _ = try link.transmit(link.host.wrap(command))
    #expect(throws: SecureChannelError.responseNotAuthentic) { try link.host.unwrap(old) }
  }

  @Test(arguments: commandLevels)
  func aCommandOfAnotherSessionIsRefused(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let old = try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, data: [1]))
    let other = try Link(KeySet(octets: 16), .s8, level, hostChallenge: [9, 9, 9, 9, 9, 9, 9, 9])
    try other.open()
    #expect(try other.transmit(old) == ResponseAPDU(status: .securityStatusNotSatisfied))
  }

  @Test(arguments: commandLevels)
  func anInjectedPlainCommandIsRefusedAndHarmsNothing(_ level: SecurityLevel) throws {
    let link = try Link.opened(.s8, level)
    let injected = CommandAPDU(cla: 0x80, ins: 0xE2, data: [1])
    #expect(try link.transmit(injected) == ResponseAPDU(status: .securityStatusNotSatisfied))
    #expect(link.card.executed.isEmpty)
    #expect(link.isAlive)
  }

  @Test func aCommandOnAnotherChannelIsRefusedAndHarmsNothing() throws {
    let link = try Link.opened()
    #expect(try link.transmit(CommandAPDU(cla: 0x85, ins: 0xE2, data: [1])).status == .conditionsNotSatisfied)
    #expect(link.isAlive)
  }

  @Test(arguments: [UInt8(0x88), 0x8C])
  func anotherSecureMessagingIsRefusedAndHarmsNothing(_ cla: UInt8) throws {
    let link = try Link.opened()
    #expect(try link.transmit(CommandAPDU(cla: cla, ins: 0xE2)).status == .secureMessagingNotSupported)
    #expect(link.isAlive)
  }

  @Test func aSecuredCommandAtLevel00IsRefusedAndHarmsNothing() throws {
    let link = try Link.opened(.s8, [])
    #expect(try link.transmit(CommandAPDU(cla: 0x84, ins: 0xE2)).status == .secureMessagingNotSupported)
    #expect(link.isAlive)
  }

  /// Whatever comes, the card answers a status word and goes on; it never executes what no host sent.
  @Test func theCardOutlivesAnyOctets() throws {
    var random = Randomness("octets to the card")
    for _ in 0..<random.soak(200, full: 20_000) {
      let level = SecurityLevel.defined[Int.random(in: 1..<6, using: &random.generator)]
      let link = try Link.opened(Bool.random(using: &random.generator) ? .s8 : .s16, level)
      for _ in 0..<20 {
        var octets = random.octets(upTo: 60)
        // Mostly with a class and a length that lead further in.
        if octets.count > 6, Int.random(in: 0..<8, using: &random.generator) > 0 {
          octets[0] = [0x80, 0x84, 0x04, 0x94, 0x85].randomElement(using: &random.generator) ?? 0x84
          octets[1] = [0x50, 0x82, 0xE2].randomElement(using: &random.generator) ?? 0xE2
          octets[4] = UInt8(octets.count - 5)
        }
        let answer = try parsed(link.card.transmit(octets))
        #expect(answer.status == .ok || answer.data.isEmpty)
      }
      #expect(link.card.executed.isEmpty)
    }
  }

  /// Whatever comes, the host throws, or answers an error word that came alone.
  @Test func theHostOutlivesAnyOctets() throws {
    var random = Randomness("octets to the host")
    for _ in 0..<random.soak(500, full: 50_000) {
      var octets = random.octets(upTo: 60) + [0x90, 0x00]
      if Bool.random(using: &random.generator) { octets[octets.count - 2] = random.octets(count: 1)[0] }
      let response = try parsed(octets)
      let opening = try Link(KeySet(octets: 16), .s8, .full)
      #expect(throws: SecureChannelError.self) { try opening.host.externalAuthenticate(after: response) }
      let open = try Link.opened()
      if let answer = try? open.hostReceives(response) {
        #expect(answer.data.isEmpty && !answer.status.carriesResponseMAC)
      } else {
        #expect(!open.hostIsOpen)
      }
    }
  }
}

private func parsed(_ octets: [UInt8]) throws(APDUError) -> ResponseAPDU {
  try ResponseAPDU(parsing: octets.span.bytes)
}
