import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing
import card_rig

/// A session over a line that somebody else holds.
@Suite struct AdministrationSessionTests {
  /// Passes everything on, and changes what a test wants changed.
  private final class Tampering: APDUTransport {
    let card: EmulatedCard
    var limits = CardTransportLimits.wide
    /// Changes the next responses that carry data or a good status word; `nil` for an honest line.
    var change: (([UInt8]) -> [UInt8])?

    init(_ card: EmulatedCard) { self.card = card }

    func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      let answer = try card.transmit(command)
      return change?(answer) ?? answer
    }
  }

  private static let command = CommandAPDU.getData(.applicationStatus)

  private static let changes: [@Sendable ([UInt8]) -> [UInt8]] = [
    { [$0[0] ^ 1] + $0.dropFirst() }, { $0.dropLast(3) + [$0[$0.count - 3] ^ 0x80] + $0.suffix(2) },
    { Array($0.dropLast(10)) + $0.suffix(2) }, { $0.dropLast(2) + [0x62, 0x00] }, { Array($0.suffix(2)) },
    { $0.dropLast(2) + [0x63, 0xC1] }, { $0.dropLast(2) + [0x6A, 0x88] }, { [0] + $0 },
  ]

  @Test(arguments: 0..<changes.count, [SecurityLevel.full, [.commandMAC, .commandDecryption, .responseMAC]])
  func tamperedResponsesEndIt(_ index: Int, _ level: SecurityLevel) throws {
    let line = Tampering(try Specimen.inMemory(profile: Specimen.smallest))
    var session = try Specimen.administration(CardConnection(line), level: level)
    #expect(try session.exchange(Self.command, operation: "read").status == .ok)
    line.change = Self.changes[index]
    do {
      _ = try session.exchange(Self.command, operation: "read")
      Issue.record("a changed response was taken")
    } catch {
      #expect(error.cardMayHaveChanged)
      if case .secureChannel = error.code {} else { Issue.record("\(error.code)") }
    }
    line.change = nil
    do {
      _ = try session.exchange(Self.command, operation: "read")
      Issue.record("the session went on")
    } catch { #expect(error.code == .secureChannel(.ended)) }
  }

  @Test func wrongKeysAreFoundOut() throws {
    let connection = try CardConnection(try Specimen.inMemory(profile: Specimen.smallest))
    for count in [96, 48, 72] {
      let error = #expect(throws: CardError.self) {
        _ = try AdministrationSession(
          connection, keys: Secret(copying: [UInt8](repeating: 3, count: count)), keyVersion: 1, random: SystemRandom())
      }
      #expect(error?.code == .secureChannel(.cardNotAuthentic))
    }
    for count in [0, 1, 15, 95, 99] {
      #expect(throws: CardError.self) {
        _ = try AdministrationSession(
          connection, keys: Secret(copying: [UInt8](repeating: 3, count: count)), keyVersion: 1, random: SystemRandom())
      }
    }
    let unknown = #expect(throws: CardError.self) {
      _ = try AdministrationSession(
        connection, keys: Secret(copying: [UInt8](repeating: 3, count: 96)), keyVersion: 0x77, random: SystemRandom())
    }
    #expect(unknown?.status == .referencedDataNotFound)
  }

  /// The same work over readers that carry little: blocks, chains and Le are cut to what goes through.
  @Test(
    arguments: [
      .wide, CardTransportLimits(commandOctets: 261, responseOctets: 258, allowsExtended: false),
      CardTransportLimits(commandOctets: 300, responseOctets: 258, allowsExtended: true),
    ] as [CardTransportLimits])
  func worksThroughAnyReader(_ limits: CardTransportLimits) throws {
    let line = Tampering(try Specimen.inMemory())
    line.limits = limits
    let connection = try CardConnection(line)
    var session = try Specimen.administration(connection)
    let answer = try session.storeData(try Specimen.charge(2, count: 100))
    let receipt = try ChargeReceipt(answer.span.bytes)
    #expect(receipt.total == 102)
    var long = CommandAPDU.getData(.applicationStatus)
    long.le = 65_536
    #expect(try session.data(long, operation: "read").count == 58)
    // Longer than one short command: a chain inside the session.
    let block = try #require(
      try CommandAPDU.storeData(BERTLV.encode(tag: 0xDF25, value: [UInt8](repeating: 5, count: 600)), blockOctets: 700)
        .first)
    #expect(try session.exchange(block, operation: "store").status == .ok)
    #expect(try session.data(.getData(.issuerCertificate), operation: "read").count == 600)
  }

  @Test func lostPowerIsToldAndEndsIt() throws {
    let card = try Specimen.inMemory()
    let connection = try CardConnection(card)
    var session = try Specimen.administration(connection)
    card.plan(StorageFaults(cutAfter: 5))
    let objects = try Specimen.charge(2, count: 50)
    do {
      try session.storeData(objects)
      Issue.record("charged without power")
    } catch { #expect(error.code == .transport(.cardRemoved) && error.cardMayHaveChanged) }
    do {
      _ = try session.exchange(Self.command, operation: "read")
      Issue.record("the session went on")
    } catch { #expect(error.code == .secureChannel(.ended)) }
    try connection.reset()
    var again = try Specimen.administration(connection)
    let answer = try again.storeData(try Specimen.charge(2, count: 50))
    let receipt = try ChargeReceipt(answer.span.bytes)
    #expect(receipt.total == 52)
  }
}
