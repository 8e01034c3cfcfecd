import ISO7816
import Testing

@Suite struct ClassByteTests {
  static let examples: [(UInt8, ClassByte.Kind, UInt8, Bool, ClassByte.SecureMessaging)] = [
    (0x00, .firstInterindustry, 0, false, .none),
    (0x13, .firstInterindustry, 3, true, .none),
    (0x04, .firstInterindustry, 0, false, .proprietary),
    (0x08, .firstInterindustry, 0, false, .withoutHeader),
    (0x0C, .firstInterindustry, 0, false, .withHeader),
    (0x1D, .firstInterindustry, 1, true, .withHeader),
    (0x40, .furtherInterindustry, 4, false, .none),
    (0x5F, .furtherInterindustry, 19, true, .none),
    (0x63, .furtherInterindustry, 7, false, .indicated),
    (0x80, .firstProprietary, 0, false, .none),
    (0x84, .firstProprietary, 0, false, .proprietary),
    (0x87, .firstProprietary, 3, false, .proprietary),
    (0xC0, .furtherProprietary, 4, false, .none),
    (0xEF, .furtherProprietary, 19, false, .indicated),
    (0x20, .invalid, 0, true, .none),
    (0xFF, .invalid, 19, true, .indicated),
  ]

  @Test(arguments: examples.map(\.0))
  func decodes(_ octet: UInt8) throws {
    let (_, kind, channel, isChained, messaging) = try #require(Self.examples.first { $0.0 == octet })
    let cla = ClassByte(rawValue: octet)
    #expect(cla.kind == kind)
    guard cla.isValid else { return }
    #expect(cla.logicalChannel == channel)
    #expect(cla.isChained == isChained)
    #expect(cla.secureMessaging == messaging)
  }

  @Test func everyChannelRoundTrips() throws {
    for channel in UInt8(0)...19 {
      for flags in 0..<8 {
        let (isProprietary, isChained, isSecured) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)
        let made = ClassByte(
          isProprietary: isProprietary, channel: channel, isChained: isChained, isSecured: isSecured)
        // FF is no class: channel 19 with all flags cannot be said.
        guard let cla = made else {
          #expect(channel == 19 && flags == 7)
          continue
        }
        #expect(cla.isValid)
        #expect(cla.logicalChannel == channel)
        #expect(cla.isProprietary == isProprietary)
        #expect(cla.isChained == isChained)
        #expect(cla.isGlobalPlatformSecured == isSecured)
        #expect(cla.unsecured.secured.isGlobalPlatformSecured)
        #expect(!cla.secured.unsecured.isGlobalPlatformSecured)
        #expect(cla.secured.logicalChannel == channel)
        let basic = cla.onBasicChannel
        #expect(basic.logicalChannel == 0)
        #expect(basic.isGlobalPlatformSecured == isSecured)
        #expect(basic.isChained == isChained && basic.isProprietary == isProprietary)
      }
    }
    #expect(ClassByte(isProprietary: false, channel: 20) == nil)
  }
}

@Suite struct StatusWordTests {
  @Test func everyMeaningNamesItsValue() {
    for value in UInt16.min...UInt16.max {
      let status = StatusWord(rawValue: value)
      let digits = String(value, radix: 16, uppercase: true)
      let padded = String(repeating: "0", count: 4 - digits.count) + digits
      #expect(status.meaning.hasPrefix(padded + ": "))
      #expect(status.meaning.count > 6)
    }
  }

  @Test(arguments: [
    (UInt16(0x9000), "9000: done"),
    (0x6A82, "6A82: file or application not found"),
    (0x63C1, "63C1: verification failed, 1 try left"),
    (0x63C0, "63C0: verification failed, 0 tries left"),
    (0x6120, "6120: 32 octets wait to be fetched"),
    (0x6100, "6100: 256 or more octets wait to be fetched"),
    (0x6C0A, "6C0A: wrong Le, 10 octets are there"),
    (0x6F42, "6F42: no precise diagnosis"),
    (0x1234, "1234: not a status word of ISO/IEC 7816-4"),
  ])
  func meanings(_ value: UInt16, _ meaning: String) {
    #expect(StatusWord(rawValue: value).meaning == meaning)
    #expect("\(StatusWord(rawValue: value))" == meaning)
  }

  @Test func responseMACGoesWithSuccessAndWarningsOnly() {
    for value in UInt16.min...UInt16.max {
      let status = StatusWord(rawValue: value)
      let expected = value == 0x9000 || status.sw1 == 0x62 || status.sw1 == 0x63
      #expect(status.carriesResponseMAC == expected)
    }
  }
}
