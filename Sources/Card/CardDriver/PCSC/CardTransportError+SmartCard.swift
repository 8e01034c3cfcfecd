import ISO7816

/// A function of PC/SC, as far as its errors differ.
package enum SmartCardFunction: String, Sendable, CaseIterable {
  case establishContext, listReaders, getStatusChange, connect, reconnect, beginTransaction, endTransaction, status
  case transmit, control

  /// What it was called for, a few words for people.
  var purpose: String {
    switch self {
    case .establishContext: "reach the smart card service"
    case .listReaders: "list the readers"
    case .getStatusChange: "watch the readers"
    case .connect: "connect to the card"
    case .reconnect: "reset the card"
    case .beginTransaction: "begin a transaction with the card"
    case .endTransaction: "end a transaction with the card"
    case .status: "ask the reader about its card"
    case .transmit: "send a command to the card"
    case .control: "ask something of the reader"
    }
  }
}

extension CardTransportError {
  /// What a function of PC/SC means by a return code other than success (PC/SC Part 5, 3.1; `pcsclite.h`).
  package init(_ function: SmartCardFunction, _ code: ReturnCode) {
    // A card that is gone now was there when it was connected to.
    let isRemoval = code == .noSmartCard && function.reachesCard
    let (meaning, remedy) = CardTransportError.meaning(of: isRemoval ? .removedCard : code)
    self.init(
      meaning, operation: function.purpose,
      cardMayHaveChanged: function.reachesCard && !code.comesBeforeTheCard, remedy: remedy)
  }

  private static func meaning(of code: ReturnCode) -> (Code, remedy: String) {
    switch code {
    case .noSmartCard:
      (.noCard, "There is no card in the reader; insert one.")
    case .removedCard:
      (.cardRemoved, "The card was removed; insert it again.")
    case .resetCard:
      (.cardWasReset, "Another program reset the card; begin again.")
    case .sharingViolation, .serverTooBusy:
      (.busy, "Another program is using the card; wait for it to finish, or close it.")
    case .noService, .serviceStopped, .shutdown:
      (.unavailable, "The smart card service (pcscd) is not running; start it, or install the package pcscd.")
    case .invalidHandle, .communicationError, .internalError:
      (.unavailable, "The connection to the smart card service (pcscd) is lost; begin again.")
    case .unknownReader, .readerUnavailable:
      (.unknownReader, "There is no such reader now; see which there are.")
    case .noReadersAvailable:
      (.unknownReader, "There is no reader; plug one in.")
    case .unresponsiveCard, .unpoweredCard, .unsupportedCard, .cardUnsupported, .invalidATR, .unknownCard, .notReady:
      (.unresponsive, "The card does not answer; check that it lies the right way round and clean its contacts.")
    case .notTransacted, .communicationDataLost:
      (.unresponsive, "The reader could not exchange data with the card; insert it again.")
    case .protocolMismatch:
      (.unresponsive, "Another program uses the card with another protocol, or the card speaks neither T=0 nor T=1.")
    case .timeout, .waitedTooLong:
      (.timeout, "It took too long; try again.")
    case .cancelled, .systemCancelled, .cancelledByUser:
      (.cancelled, "It was stopped.")
    case .insufficientBuffer, .pciTooSmall:
      (.protocolViolation, "The answer was longer than any may be; try another reader.")
    case .securityViolation:
      (.unavailable, "This user may not use the smart card service (pcscd); ask the administrator for access.")
    case .unsupportedFeature, .readerUnsupported, .duplicateReader:
      (.protocolViolation, "The reader's driver does not do that; try another reader.")
    default:
      (.protocolViolation, "The smart card service answered \(code); update it or try another reader.")
    }
  }
}

extension SmartCardFunction {
  /// Whether what it does may reach, and so change, the card itself; a reset changes only what no one is promised.
  fileprivate var reachesCard: Bool { self == .transmit || self == .control }
}

extension ReturnCode {
  /// Whether the service refuses with it before anything is sent to the card.
  fileprivate var comesBeforeTheCard: Bool {
    switch self {
    case .resetCard, .sharingViolation, .serverTooBusy, .invalidHandle, .invalidParameter, .invalidValue,
      .unknownReader, .protocolMismatch, .unsupportedFeature, .securityViolation:
      true
    default: false
    }
  }
}

extension ReturnCode: CustomStringConvertible {
  package var description: String { String(rawValue, radix: 16, uppercase: true) }
}
