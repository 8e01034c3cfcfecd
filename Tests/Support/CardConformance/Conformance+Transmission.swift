import CardDriver
import CardProtocol
import ISO7816
import Octets

/// How the card introduces itself, and how commands and answers travel.
extension Conformance {
  static let introduction: [Check] = [
    Check(name: "its answer to reset offers its one protocol") { bench in
      let answer = try bench.answerToReset()
      try bench.demand(answer.protocols, is: [bench.transmissionProtocol.rawValue], "what it offers")
      let capabilities = try answer.historicalBytes()?.capabilities
      try bench.demand(capabilities?.commandChaining == true, "it tells nothing of command chaining")
      try bench.demand(capabilities?.extendedLength == true, "it tells nothing of extended lengths")
      try bench.demand(capabilities?.logicalChannels, is: 4, "the number of channels")
    },
    Check(name: "every reset gives the same answer") { bench in
      try bench.demand(try bench.transport.reset(), is: try bench.transport.reset())
    },
  ]

  static let selection: [Check] = [
    Check(name: "applications are selected by name, part of a name, and one after the other") { bench in
      for application in [CardProtocol.applicationID, CardProtocol.issuerDomainID] {
        let answer = try bench.send(.select(applicationID: application))
        try bench.demand(answer.status, is: .ok)
        try bench.demand(try bench.value(of: [0x6F, 0x84], in: answer.data), is: application)
        try bench.demand(try bench.status(.select(applicationID: Array(application.prefix(5)))), is: .ok)
      }
    },
    Check(name: "unknown applications and files are not there") { bench in
      for application in ["A000000308", "D27600012401", "F057415249465502", "0102030405060708090A0B0C0D0E0F10"] {
        let name = Hex.decode(application) ?? []
        try bench.demand(try bench.status(.select(applicationID: name)), is: .fileNotFound)
      }
      _ = try bench.card()
      try bench.demand(try bench.status(.select(file: 0x4142)), is: .fileNotFound)
    },
    Check(name: "it tells its limits in EF.ATR/INFO") { bench in
      try bench.demand(try bench.status(.select(file: CommandAPDU.informationFile)), is: .ok)
      let content = try bench.send(.readBinary(offset: 0, count: 256))
      let value = try bench.value(of: [ExtendedLengthInformation.tag], in: content.data)
      let limits = try ExtendedLengthInformation(parsing: value.span.bytes)
      try bench.demand(limits.commandOctets >= 4_096 && limits.responseOctets >= 256, "its limits are \(limits)")
    },
  ]

  static let lengths: [Check] = [
    Check(name: "a wrong Le is told or cut, as its protocol says") { bench in
      _ = try bench.card()
      let whole = try bench.connection.data(.getData(.signaturePublicKey), operation: "check")
      let octets = Hex.encode(whole)
      if bench.isT0 {
        try bench.demand("80 CA DF22 00", answers: "6C41")
        try bench.demand("80 CA DF22 10", answers: "6C41")
        try bench.demand("80 CA DF22 41", answers: octets + "9000")
      } else {
        try bench.demand("80 CA DF22 00", answers: octets + "9000")
        try bench.demand("80 CA DF22 10", answers: octets.prefix(32) + "6131")
        try bench.demand("00 C0 0000 31", answers: octets.dropFirst(32) + "9000")
      }
    },
    Check(name: "an answer is fetched by GET RESPONSE once") { bench in
      try bench.demand("00 C0 0000 00", answers: "6985")
      let first = try bench.raw("00 A4 0400 08 \(Hex.encode(CardProtocol.applicationID))" + (bench.isT0 ? "" : "02"))
      guard let waiting = first.status.bytesAvailable else { throw Unmet("nothing waits: \(first)", #line) }
      let rest = try bench.raw([0x00, 0xC0, 0x00, 0x00, UInt8(waiting)])
      try bench.demand(rest.status, is: .ok)
      try bench.demand((first.data + rest.data).first, is: 0x6F)
      try bench.demand("00 C0 0000 00", answers: "6985")
    },
    Check(name: "another command drops what waits") { bench in
      _ = try bench.raw("00 A4 0400 08 \(Hex.encode(CardProtocol.applicationID))" + (bench.isT0 ? "" : "02"))
      try bench.demand(try bench.status(.getData(.applicationStatus)), is: .ok)
      try bench.demand("00 C0 0000 00", answers: "6985")
    },
    Check(name: "a chain is one command") { bench in
      let name = Hex.encode(CardProtocol.applicationID)
      try bench.demand("10 A4 0400 05 \(name.prefix(10))", answers: "9000")
      let last = try bench.raw("00 A4 0400 03 \(name.dropFirst(10))" + (bench.isT0 ? "" : "00"))
      try bench.demand(last.status == .ok || last.status.bytesAvailable != nil, "it ends with \(last.status)")
      try bench.demand(try bench.status(.getData(.applicationStatus)), is: .ok)
    },
    Check(name: "a chain that breaks off is refused, and forgotten") { bench in
      try bench.demand("10 A4 0400 05 F057415249", answers: "9000")
      try bench.demand("10 CA DF20 01 00", answers: "6883")
      try bench.demand(try bench.status(.getData(.applicationStatus)), is: .ok)
    },
    Check(name: "extended lengths come as they are with T=1, and in envelopes with both") { bench in
      let select = CommandAPDU(
        cla: 0, ins: 0xA4, p1: 4, p2: 0, data: CardProtocol.applicationID, le: CommandAPDU.extendedLeLimit)
      let octets = try select.encoded()
      let direct = try bench.raw(octets)
      try bench.demand(direct.status, is: bench.isT0 ? .wrongLength : .ok)
      var answer = ResponseAPDU(status: .ok)
      for envelope in try CommandAPDU.envelopes(of: select) { answer = try bench.send(envelope) }
      try bench.demand(answer.status, is: .ok)
      try bench.demand(answer.data.first, is: 0x6F)
    },
    Check(name: "a long answer comes whole") { bench in
      let card = try bench.holdersCard()
      try bench.demand(try card.readFile(KnownCard.fileID), is: bench.known.fileContent)
      guard !bench.isT0 else { return }
      _ = try bench.connection.data(.select(file: KnownCard.fileID), operation: "check")
      let whole = try bench.raw("00 B0 0000 00 0000")
      try bench.demand(whole, is: ResponseAPDU(data: bench.known.fileContent, status: .ok))
    },
    Check(name: "the longest commands are judged, not stumbled over") { bench in
      _ = try bench.card()
      for count in [256, 4_096, 32_768, 65_500] {
        let long = CommandAPDU(cla: 0, ins: 0x88, p1: 0, p2: 0, data: [UInt8](repeating: 0xA5, count: count), le: 256)
        let status = try bench.status(long)
        try bench.demand(status == .wrongLength || status == .incorrectData, "\(count) octets: \(status)")
      }
      try bench.demand(try bench.status(.getData(.applicationStatus)), is: .ok)
    },
  ]

  static let refusals: [Check] = [
    Check(name: "whatever is wrong has its word") { bench in
      _ = try bench.card()
      let table: [(command: String, word: String)] = [
        ("00 FF 0000", "6D00"), ("80 FF 0000", "6D00"), ("FF A4 0000", "6E00"), ("A0 A4 0000", "6E00"),
        ("20 A4 0000", "6E00"), ("00 A4 0900 02 3F00", "6A86"), ("00 20 0099", "6A86"), ("80 CA 5FFF 00", "6A88"),
        ("00 B0 0000 01", "6982"), ("00 84 0001 08", "6A86"), ("84 CA DF20 08 0000000000000000", "6985"),
        ("80 10 0000 1A", "6982"), ("80 E2 9000 03 DF3000", "6982"), ("00 20 0081 04 31333537", "6700"),
      ]
      for (command, word) in table { try bench.demand(command, answers: word) }
      try bench.demand(try bench.card().pinTriesLeft(), is: 3, "tries left")
    },
    Check(name: "malformed octets have their word, and the card goes on") { bench in
      for command in ["00 A4", "00 A4 04", "00 A4 0400 05 A000", "00 A4 0400 00 00", "00 A4 0400 00 0005 A000"] {
        try bench.demand(command, answers: "6700")
      }
      try bench.demand(try bench.status(.getData(.applicationStatus)), is: .ok)
    },
  ]

  static let channels: [Check] = [
    Check(name: "a logical channel has its own application, and its own PIN") { bench in
      _ = try bench.holdersCard()
      try bench.demand(try bench.send(.openChannel()), is: ResponseAPDU(data: [1], status: .ok))
      try bench.demand(
        try bench.status(CommandAPDU.select(applicationID: CardProtocol.applicationID).onChannel(1)), is: .ok)
      let handOver = CommandAPDU.handOverCode(index: 0)
      try bench.demand(try bench.status(handOver.onChannel(1)), is: .securityStatusNotSatisfied)
      try bench.demand(try bench.status(handOver), is: .ok)
      try bench.demand(try bench.status(.closeChannel(1)), is: .ok)
      try bench.demand(try bench.status(handOver.onChannel(1)), is: .logicalChannelNotSupported)
    },
    Check(name: "there are four channels, and a reset leaves one") { bench in
      for number in 1...3 {
        try bench.demand(try bench.send(.openChannel()), is: ResponseAPDU(data: [UInt8(number)], status: .ok))
      }
      try bench.demand(try bench.status(.openChannel()) != .ok, "a fifth channel")
      try bench.connection.reset()
      for number in 1...3 {
        let status = try bench.status(CommandAPDU.getData(.applicationStatus).onChannel(UInt8(number)))
        try bench.demand(status, is: .logicalChannelNotSupported)
      }
    },
  ]
}
