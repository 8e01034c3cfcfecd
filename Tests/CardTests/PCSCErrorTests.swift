import CardDriver
import Foundation
import ISO7816
import Testing

/// What every return code of PC/SC comes to.
@Suite struct PCSCErrorTests {
  /// Name in `pcsclite.h`, the driver's value, the code, and whether a command that ended so may have reached the card.
  private static let table: [(String, ReturnCode, CardTransportError.Code, Bool)] = [
    ("SCARD_F_INTERNAL_ERROR", .internalError, .unavailable, true),
    ("SCARD_E_CANCELLED", .cancelled, .cancelled, true),
    ("SCARD_E_INVALID_HANDLE", .invalidHandle, .unavailable, false),
    ("SCARD_E_INVALID_PARAMETER", .invalidParameter, .protocolViolation, false),
    ("SCARD_E_NO_MEMORY", .noMemory, .protocolViolation, true),
    ("SCARD_F_WAITED_TOO_LONG", .waitedTooLong, .timeout, true),
    ("SCARD_E_INSUFFICIENT_BUFFER", .insufficientBuffer, .protocolViolation, true),
    ("SCARD_E_UNKNOWN_READER", .unknownReader, .unknownReader, false),
    ("SCARD_E_TIMEOUT", .timeout, .timeout, true),
    ("SCARD_E_SHARING_VIOLATION", .sharingViolation, .busy, false),
    ("SCARD_E_NO_SMARTCARD", .noSmartCard, .cardRemoved, true),
    ("SCARD_E_UNKNOWN_CARD", .unknownCard, .unresponsive, true),
    ("SCARD_E_PROTO_MISMATCH", .protocolMismatch, .unresponsive, false),
    ("SCARD_E_NOT_READY", .notReady, .unresponsive, true),
    ("SCARD_E_INVALID_VALUE", .invalidValue, .protocolViolation, false),
    ("SCARD_E_SYSTEM_CANCELLED", .systemCancelled, .cancelled, true),
    ("SCARD_F_COMM_ERROR", .communicationError, .unavailable, true),
    ("SCARD_F_UNKNOWN_ERROR", .unknownError, .protocolViolation, true),
    ("SCARD_E_INVALID_ATR", .invalidATR, .unresponsive, true),
    ("SCARD_E_NOT_TRANSACTED", .notTransacted, .unresponsive, true),
    ("SCARD_E_READER_UNAVAILABLE", .readerUnavailable, .unknownReader, true),
    ("SCARD_P_SHUTDOWN", .shutdown, .unavailable, true),
    ("SCARD_E_PCI_TOO_SMALL", .pciTooSmall, .protocolViolation, true),
    ("SCARD_E_READER_UNSUPPORTED", .readerUnsupported, .protocolViolation, true),
    ("SCARD_E_DUPLICATE_READER", .duplicateReader, .protocolViolation, true),
    ("SCARD_E_CARD_UNSUPPORTED", .cardUnsupported, .unresponsive, true),
    ("SCARD_E_NO_SERVICE", .noService, .unavailable, true),
    ("SCARD_E_SERVICE_STOPPED", .serviceStopped, .unavailable, true),
    ("SCARD_E_UNSUPPORTED_FEATURE", .unsupportedFeature, .protocolViolation, false),
    ("SCARD_E_NO_READERS_AVAILABLE", .noReadersAvailable, .unknownReader, true),
    ("SCARD_E_COMM_DATA_LOST", .communicationDataLost, .unresponsive, true),
    ("SCARD_E_SERVER_TOO_BUSY", .serverTooBusy, .busy, false),
    ("SCARD_W_UNSUPPORTED_CARD", .unsupportedCard, .unresponsive, true),
    ("SCARD_W_UNRESPONSIVE_CARD", .unresponsiveCard, .unresponsive, true),
    ("SCARD_W_UNPOWERED_CARD", .unpoweredCard, .unresponsive, true),
    ("SCARD_W_RESET_CARD", .resetCard, .cardWasReset, false),
    ("SCARD_W_REMOVED_CARD", .removedCard, .cardRemoved, true),
    ("SCARD_W_SECURITY_VIOLATION", .securityViolation, .unavailable, false),
    ("SCARD_W_CANCELLED_BY_USER", .cancelledByUser, .cancelled, true),
  ]

  /// The numbers are the C header's; what it has beyond the table is no return code of a function used here.
  @Test func codesAreThoseOfTheHeader() throws {
    let header = try String(contentsOfFile: "/usr/include/PCSC/pcsclite.h", encoding: .utf8)
    for (name, code, _, _) in PCSCErrorTests.table {
      let line = try #require(header.split(separator: "\n").first { PCSCErrorTests.defines($0, name) }, "\(name)")
      #expect(line.uppercased().contains("0X" + code.description), "\(name)")
    }
  }

  private static func defines(_ line: Substring, _ name: String) -> Bool {
    let words = line.split(whereSeparator: \.isWhitespace)
    return words.count > 2 && words[0] == "#define" && words[1] == name
  }

  @Test(arguments: table.indices) func everyCodeOfACommand(_ index: Int) {
    let (name, code, meaning, mayHaveChanged) = PCSCErrorTests.table[index]
    let error = CardTransportError(.transmit, code)
    #expect(error.code == meaning && error.cardMayHaveChanged == mayHaveChanged, "\(name)")
    #expect(error.remedy.hasSuffix(".") && !error.remedy.isEmpty && error.operation == "send a command to the card")
  }

  /// What asks, waits, connects or resets never changes a card's memory.
  @Test(arguments: SmartCardFunction.allCases) func onlyWhatReachesTheCardMayHaveChangedIt(
    _ function: SmartCardFunction
  ) {
    let reaches = function == .transmit || function == .control
    for (name, code, _, mayHaveChanged) in PCSCErrorTests.table {
      #expect(CardTransportError(function, code).cardMayHaveChanged == (reaches && mayHaveChanged), "\(name)")
    }
    #expect(CardTransportError(function, .noSmartCard).code == (reaches ? .cardRemoved : .noCard))
  }

  @Test func anUnknownCodeIsNamed() {
    let error = CardTransportError(.transmit, ReturnCode(Int(0x8010_0099 as UInt32)))
    #expect(error.code == .protocolViolation && error.cardMayHaveChanged && error.remedy.contains("80100099"))
    #expect(ReturnCode(Int(Int32(bitPattern: 0x8010_0069))) == .removedCard)
  }
}
