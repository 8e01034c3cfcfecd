import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import TestSupport
import Testing
import card_rig

/// A line that passes everything on, counts it, and changes the responses that a test wants changed.
private final class AlteringLine: APDUTransport {
  let card: EmulatedCard
  let limits = CardTransportLimits.wide
  /// Changes the next response that is whole, once; a part of one, 61xx, goes by.
  var change: (([UInt8]) -> [UInt8])?
  /// Changes the next command of an instruction, once.
  var forge: (instruction: Instruction, change: ([UInt8]) -> [UInt8])?
  /// Instructions that went to the card.
  private(set) var instructions: [UInt8] = []
  private(set) var lastResponse: [UInt8] = []

  init(_ card: EmulatedCard) { self.card = card }

  func reset() throws(CardTransportError) -> [UInt8] { try card.reset() }

  func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    instructions.append(command[1])
    var sent = command
    if let forge, forge.instruction.rawValue == command[1] {
      self.forge = nil
      sent = forge.change(command)
    }
    lastResponse = try card.transmit(sent)
    guard lastResponse[lastResponse.count - 2] != 0x61 else { return lastResponse }
    return change.take()?(lastResponse) ?? lastResponse
  }

  /// What goes to the card from now on.
  func forget() { instructions = [] }
}

/// R-MAC as the driver keeps it (Amendment D, 6.2.5), with the firmware at the other end of an altered line.
@Suite struct AlteredLineTests {
  static let levels: [SecurityLevel] = SecurityLevel.defined.filter { $0.contains(.responseMAC) }
  private static let operation = "test"

  /// Commands whose answers are protected: done with data and without, and warnings with data and without.
  private static let commands: [(command: CommandAPDU, status: StatusWord)] = [
    (.getData(.applicationStatus), .ok),
    (.verify(.pin, value: Array(Specimen.pin.utf8) + [0xFF, 0xFF, 0xFF, 0xFF]), .ok),
    (.listCodes(from: 0), StatusWord(0x63, 0x10)),
    (.verify(.pin), .retriesLeft(3)),
  ]

  /// A card with more codes than one answer lists.
  private static func line(_ mode: SecureChannelMode) throws -> AlteringLine {
    var profile = Specimen.profile
    profile.macOctets = UInt8(mode.octets)
    let line = AlteringLine(try Specimen.inMemory(profile: profile))
    var session = try Specimen.administration(CardConnection(line), mode: mode)
    try session.storeData(try Specimen.charge(2, count: 40))
    return line
  }

  /// A session in which the card has not seen the PIN.
  private static func open(
    _ line: AlteringLine, _ level: SecurityLevel, _ mode: SecureChannelMode
  ) throws -> AdministrationSession {
    try Specimen.administration(CardConnection(line), level: level, mode: mode)
  }

  @Test(arguments: levels, SecureChannelMode.allCases)
  func everyAlteredBitEndsTheSession(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    var random = Randomness("altered bits at \(level), \(mode)")
    let line = try Self.line(mode)
    for (command, status) in Self.commands {
      var honest = try Self.open(line, level, mode)
      #expect(try honest.exchange(command, operation: Self.operation).status == status)
      let bits = Array(0..<(line.lastResponse.count * 8))
      // Of a long answer the last part holds half of a long MAC at least.
      #expect(line.lastResponse.count >= 8 + 2, "\(status) carries an R-MAC")
      for bit in bits.shuffled(using: &random.generator).prefix(random.soak(24, full: bits.count)) {
        var session = try Self.open(line, level, mode)
        line.change = { response in
          var response = response
          response[bit / 8] ^= 1 << UInt8(bit % 8)
          return response
        }
        Self.expectEnd(of: &session, command, "bit \(bit) of the answer \(status) at \(level)")
        line.change = nil
      }
    }
  }

  /// Without its R-MAC, without a part of it, with more before or after it, and with one of another time.
  @Test(arguments: levels, SecureChannelMode.allCases)
  func strippedAndPatchedResponsesEndTheSession(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    let line = try Self.line(mode)
    for (command, status) in Self.commands {
      var earlier = try Self.open(line, level, mode)
      _ = try earlier.exchange(command, operation: Self.operation)
      let old = line.lastResponse
      let changes: [([UInt8]) -> [UInt8]] = [
        { Array($0.suffix(2)) }, { $0.dropLast(2 + mode.octets) + $0.suffix(2) }, { $0.dropLast(3) + $0.suffix(2) },
        { Array($0.dropFirst()) }, { [0] + $0 }, { $0.dropLast(2) + [0] + $0.suffix(2) }, { _ in old },
        { $0.dropLast(2) + [0x6A, 0x88] }, { $0.dropLast(2) + [0x90, 0x01] },
      ]
      for (index, change) in changes.enumerated() {
        var session = try Self.open(line, level, mode)
        // So that an answer of an earlier session is another one even where the card says the same.
        _ = try session.exchange(.getData(.keyInformation), operation: Self.operation)
        line.change = change
        Self.expectEnd(of: &session, command, "change \(index) of the answer \(status) at \(level)")
        line.change = nil
      }
    }
  }

  /// An error word carries no R-MAC, so anybody may have said it: the session goes on, and learns from the card itself
  /// whether the command was done. Here the line says that it was not.
  @Test(arguments: levels, SecureChannelMode.allCases)
  func anErrorWordAloneProvesNothing(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    let line = try Self.line(mode)
    for word: [UInt8] in [[0x6A, 0x80], [0x69, 0x82], [0x64, 0x00], [0x65, 0x81], [0x6F, 0x00], [0x6D, 0x00]] {
      var session = try Self.open(line, level, mode)
      line.change = { _ in word }
      let answer = try session.exchange(.getData(.applicationStatus), operation: Self.operation)
      #expect(answer == ResponseAPDU(status: StatusWord(word[0], word[1])))
      #expect(try session.exchange(.getData(.applicationStatus), operation: Self.operation).status == .ok)
    }
  }

  /// What settles a charge is the receipt, not the word at its end.
  @Test func theReceiptSettlesACharge() throws {
    let line = try Self.line(.s8)
    let batch = try Specimen.charge(3, count: 2)
    var session = try Self.open(line, .full, .s8)
    line.change = { _ in [0x6A, 0x84] }
    do {
      try session.storeData(batch)
      Issue.record("an error word was taken for success")
    } catch { #expect(error.status == .notEnoughMemory) }
    // The card has it: the same batch once more gives the receipt and charges nothing.
    let card = try WarifuCard(CardConnection(line))
    #expect(try card.status().chargeCounter == 3)
    let receipt = try #require(try card.lastReceipt())
    var again = try Self.open(line, .full, .s8)
    let answer = try again.storeData(batch)
    #expect(try ChargeReceipt(answer.span.bytes) == receipt)
    #expect(receipt.number == 3 && receipt.total == 44)
  }

  /// 61xx and 6Cxx carry nothing either. The first leads to a GET RESPONSE that no card answers well; after the second
  /// the same protected octets must not go out again.
  @Test(arguments: levels)
  func inventedLengthsDoNotRepeatACommand(_ level: SecurityLevel) throws {
    let line = try Self.line(.s8)
    let instruction = Instruction.getData.rawValue
    for word: [UInt8] in [[0x61, 0x10], [0x6C, 0x10]] {
      var session = try Self.open(line, level, .s8)
      line.forget()
      line.change = { _ in word }
      do {
        let answer = try session.exchange(.getData(.applicationStatus), operation: Self.operation)
        #expect(answer.data.isEmpty && answer.status != .ok)
      } catch { #expect(error.cardMayHaveChanged) }
      #expect(line.instructions.filter { $0 == instruction }.count == 1)
    }
  }

  /// A wrong cryptogram is not tried again by itself, and costs the card nothing: no write, no try of the PIN.
  @Test(arguments: SecureChannelMode.allCases)
  func aWrongCryptogramIsSentOnceAndCostsNothing(_ mode: SecureChannelMode) throws {
    let line = try Self.line(mode)
    let connection = try CardConnection(line)
    line.card.plan(StorageFaults())
    for octet in 5..<(5 + 2 * mode.octets) {
      line.forget()
      line.forge = (.externalAuthenticate, { Self.flipped($0, octet) })
      #expect(throws: CardError.self) { _ = try Specimen.administration(connection, mode: mode) }
      #expect(line.instructions.suffix(2) == [0x50, 0x82], "octet \(octet): \(line.instructions)")
    }
    #expect(line.card.storageOperations == 0)
    let card = try WarifuCard(connection)
    #expect(try card.status().pinTries == 3)
    var session = try Self.open(line, .full, mode)
    #expect(try session.exchange(.getData(.applicationStatus), operation: Self.operation).status == .ok)
  }

  /// A command that was altered on its way ends the card's session, is not repeated, and is not done.
  @Test(arguments: levels, SecureChannelMode.allCases)
  func anAlteredCommandIsNotDoneAndNotRepeated(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    let line = try Self.line(mode)
    let command = CommandAPDU.verify(.pin, value: Array("0000".utf8) + [0xFF, 0xFF, 0xFF, 0xFF])
    for octet in 4..<(5 + 8 + mode.octets) {
      var session = try Self.open(line, level, mode)
      line.forget()
      line.forge = (.verify, { Self.flipped($0, octet) })
      let answer = try session.exchange(command, operation: Self.operation)
      #expect(answer.data.isEmpty && answer.status.sw1 >= 0x67, "octet \(octet)")
      #expect(line.instructions == [Instruction.verify.rawValue])
    }
    #expect(try WarifuCard(CardConnection(line)).status().pinTries == 3)
  }

  private static func flipped(_ octets: [UInt8], _ index: Int) -> [UInt8] {
    var octets = octets
    octets[index] ^= 0x04
    return octets
  }

  /// The next exchange throws because its answer is not authentic, and so does every one after it.
  private static func expectEnd(
    of session: inout AdministrationSession, _ command: CommandAPDU, _ comment: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try session.exchange(command, operation: operation)
      Issue.record(comment, sourceLocation: sourceLocation)
    } catch {
      switch error.code {
      case .secureChannel(.responseNotAuthentic), .secureChannel(.unprotectedData): break
      default: Issue.record("\(comment): \(error.code)", sourceLocation: sourceLocation)
      }
      #expect(error.cardMayHaveChanged, comment, sourceLocation: sourceLocation)
    }
    do {
      _ = try session.exchange(.getData(.applicationStatus), operation: operation)
      Issue.record("the session went on: \(comment)", sourceLocation: sourceLocation)
    } catch { #expect(error.code == .secureChannel(.ended), comment, sourceLocation: sourceLocation) }
  }
}
