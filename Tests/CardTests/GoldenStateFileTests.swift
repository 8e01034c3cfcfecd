import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing
import card_rig

/// State files of every release: they open for ever, with all that was on the card, and take what later releases know.
@Suite struct GoldenStateFileTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
  /// Made by `card-rig fixture`, once.
  private static let first = folder.appending(path: "card-v1.warifu-card").path
  /// Made by `card-rig fixture-2`, once.
  private static let second = folder.appending(path: "card-v2.warifu-card").path

  @Test func firstVersionStillOpens() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      try write(try content(of: Self.first), to: path)
      let connection = try CardConnection(try Specimen.open(path))
      let card = try WarifuCard(connection)
      let status = try card.status()
      #expect(status.serial.description == "7825B28AB42D5EB6")
      #expect(status.lifeCycle == .secured && status.chargeCounter == 1 && status.codesEverCharged == 2)
      #expect(status.codeCount == 2 && status.codeCapacity == 4 && status.pinTries == 3 && status.pukTries == 10)
      let receipt = try #require(try card.lastReceipt())
      #expect(receipt.digest == Digest.sha256(try Specimen.batch(1, count: 2).encoded()))
      let challenge = [UInt8](repeating: 7, count: 16)
      let key = try VerificationKey(octets: try card.certificate(.authenticationPublicKey))
      let input = OctetBuffer(capacity: 256)
      try input.becomeAuthenticationInput(serial: status.serial.octets.span.bytes, challenge: challenge.span.bytes)
      try key.verify(input.withBytes { $0.octets }, try card.authenticate(challenge: challenge))
      try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
      #expect(try card.readFile(Specimen.fileID) == Specimen.fileContent)
      let code = try card.handOver(index: 0)
      #expect(code.code.withBytes { $0.octets } == (try Specimen.batch(1, count: 2)).records[0].code)
      var session = try Specimen.administration(connection)
      let answer = try session.storeData(try Specimen.charge(2, count: 2))
      #expect(try ChargeReceipt(answer.span.bytes).total == 4)
    }
  }

  /// Long MACs, counted sessions, T=0, a further key set, a code handed over.
  @Test func secondVersionStillOpens() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      try write(try content(of: Self.second), to: path)
      let connection = try CardConnection(try Specimen.open(path))
      #expect(connection.answerToReset.protocols == [0])
      let card = try WarifuCard(connection)
      let status = try card.status()
      #expect(status.lifeCycle == .secured && status.chargeCounter == 1 && status.codeCount == 2)
      #expect(try card.codes().map(\.state) == [.charged, .handedOver])
      let sessions = try connection.data(.getData(.sequenceCounter), operation: "read the counter")
      #expect(sessions == [0xC1, 0x03, 0x00, 0x00, 0x03])
      try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
      let batch = try Specimen.batch(1, count: 2)
      let code = try card.handOver(index: 1)
      #expect(code.code.withBytes { $0.octets } == batch.records[1].code)
      do {
        var delegate = try AdministrationSession(
          connection, keys: Secret(copying: Specimen.furtherSet), keyVersion: 0x02, mode: .s16, random: SystemRandom())
        #expect(try delegate.exchange(.getData(.applicationStatus), operation: "read").status == .ok)
      }
      var session = try Specimen.administration(connection, mode: .s16)
      let answer = try session.storeData(try Specimen.charge(2, count: 2))
      #expect(try ChargeReceipt(answer.span.bytes).total == 4)
    }
  }

  /// A card of the first release takes what it never heard of, and both the new and the old are there when it is opened
  /// again.
  @Test func firstVersionTakesWhatLaterOnesKnow() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      try write(try content(of: Self.first), to: path)
      let peer = try #require(CardSerial(octets: [1, 2, 3, 4, 5, 6, 7, 8]))
      let k3 = Secret(copying: [UInt8](repeating: 0x33, count: SharedKey.octetCount))
      let content = Secret(copying: [UInt8](repeating: 0x44, count: 32))
      for round in 0..<2 {
        let connection = try CardConnection(try Specimen.open(path))
        let card = try WarifuCard(connection)
        #expect(try card.status().codeCount == 2 && card.codes().count == 2)
        try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
        #expect(try card.readFile(Specimen.fileID) == Specimen.fileContent)
        let wrapped = try SharedKey.wrap(
          k3, for: try card.status().serial, with: peer, number: 1,
          individualKey: Secret(copying: Specimen.individualKey))
        let command = CommandAPDU.useSharedKey(
          .wrap, wrapped: wrapped, peer: peer, number: 1, key: content.withBytes { $0.octets })
        #expect(try connection.data(command, operation: "use the shared key").count == 40)
        if round == 0 {
          var session = try Specimen.administration(connection)
          try session.putKeys(version: 0x02, Secret(copying: Specimen.furtherSet), count: 3)
          try session.data(.setApplicationLock(true), operation: "lock the application")
          try connection.reset()
          let serial = try connection.data(.getData(.cardImageNumber), operation: "read the serial")
          session = try Specimen.administration(connection, serial: Array(serial.dropFirst(2)))
          try session.data(.setApplicationLock(false), operation: "unlock the application")
        } else {
          _ = try AdministrationSession(
            connection, keys: Secret(copying: Specimen.furtherSet), keyVersion: 0x02, random: SystemRandom())
        }
      }
    }
  }

  /// The power fails at each write of the first change that a card of an earlier release meets.
  @Test(arguments: [(first, SecureChannelMode.s8), (second, .s16)])
  func powerCutsInTheFirstChange(_ fixture: String, _ mode: SecureChannelMode) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      let image = try content(of: fixture)
      var writes = 0
      var receipt: ChargeReceipt?
      while receipt == nil {
        try write(image, to: path)
        do {
          let card = try Specimen.open(path)
          let connection = try CardConnection(card)
          var session = try Specimen.administration(connection, mode: mode)
          card.plan(StorageFaults(cutAfter: writes, tornOctets: writes % 16))
          let answer = try session.storeData(try Specimen.charge(2, count: 2))
          receipt = try ChargeReceipt(answer.span.bytes)
        } catch let error as CardError { #expect(error.code == .transport(.cardRemoved)) }
        let card = try WarifuCard(CardConnection(try Specimen.open(path)))
        let status = try card.status()
        let isDone = status.chargeCounter == 2
        #expect(isDone || status.chargeCounter == 1 && receipt == nil, "cut after \(writes) writes")
        #expect(status.codeCount == (isDone ? 4 : 2), "cut after \(writes) writes")
        #expect(try card.lastReceipt()?.number == status.chargeCounter)
        writes += 1
      }
      #expect(writes > 5, "a charge has so many writes")
    }
  }
}
