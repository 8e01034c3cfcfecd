import CardProtocol
import ISO7816
import Octets

/// Which command does what, and in which state of the card.
extension Card {
  /// Executes a whole, plain command; its answer goes to `output`.
  func execute(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard let instruction = Instruction(rawValue: header.ins) else { throw .instructionNotSupported }
    guard instruction.exists(in: header.classByte) else { throw .classNotSupported }
    try permit(instruction)
    switch instruction {
    case .select: return try select(header, data)
    case .getData: try getData(header, data)
    case .getChallenge: try getChallenge(header, data)
    case .verify: try verify(header, data)
    case .changeReferenceData: try changeReferenceData(header, data)
    case .resetRetryCounter: try resetRetryCounter(header, data)
    case .internalAuthenticate: try internalAuthenticate(header, data)
    case .performSecurityOperation: try performSecurityOperation(header, data)
    case .readBinary: try readBinary(header, data)
    case .updateBinary: try updateBinary(header, data)
    case .initializeUpdate: try initializeUpdate(header, data)
    case .externalAuthenticate: try externalAuthenticate(header, data)
    case .putKey: try putKey(header, data)
    case .storeData: try storeData(header, data)
    case .generateAsymmetricKeyPair: try generateAsymmetricKeyPair(header, data)
    case .setStatus: try setStatus(header, data)
    case .getStatus: return try getStatus(header, data)
    case .delete: try delete(header, data)
    case .handOverCode: try handOverCode(header, data)
    case .useKey: try useKey(header, data)
    case .certifyCopy: try certifyCopy(header, data)
    case .setTime: try setTime(header, data)
    case .listCodes: return try listCodes(header, data)
    case .getResponse: throw .conditionsNotSatisfied
    }
    return .ok
  }

  /// The life-cycle gate (GlobalPlatform 2.3.1, 5.1.1), before anything else is looked at.
  private func permit(_ instruction: Instruction) throws(StatusWord) {
    let isPermitted: Bool =
      switch lifeCycle {
      case .secured: true
      case .operatingReady, .initialized: Card.beforeTheIndividualKey(instruction)
      case .cardLocked: Card.whileLocked(instruction)
      case .terminated: instruction == .getData
      }
    guard isPermitted else { throw .conditionsNotSatisfied }
    if isApplicationLocked, Card.belongsToTheApplication(instruction) { throw .conditionsNotSatisfied }
  }

  /// Whether the instruction is the Warifu application's, which SET STATUS can lock: all that serves its holder.
  private static func belongsToTheApplication(_ instruction: Instruction) -> Bool {
    switch instruction {
    case .handOverCode, .useKey, .certifyCopy, .setTime, .listCodes, .verify, .changeReferenceData,
      .performSecurityOperation, .resetRetryCounter, .internalAuthenticate, .readBinary:
      true
    default: false
    }
  }

  private static func beforeTheIndividualKey(_ instruction: Instruction) -> Bool {
    switch instruction {
    case .select, .getData, .getChallenge, .initializeUpdate, .externalAuthenticate, .putKey, .setStatus, .getStatus:
      true
    default: false
    }
  }

  private static func whileLocked(_ instruction: Instruction) -> Bool {
    switch instruction {
    case .select, .getData, .initializeUpdate, .externalAuthenticate, .setStatus, .getStatus: true
    default: false
    }
  }

  /// The holder's commands want the PIN.
  func requirePIN() throws(StatusWord) {
    guard session.isPINVerified else { throw .securityStatusNotSatisfied }
  }
}

extension Instruction {
  /// Whether the instruction exists in this class.
  fileprivate func exists(in kind: ClassByte) -> Bool {
    switch self {
    case .getData, .getResponse, .updateBinary, .readBinary: true
    case .verify, .changeReferenceData, .performSecurityOperation, .resetRetryCounter, .getChallenge,
      .internalAuthenticate, .select:
      !kind.isProprietary
    default: kind.isProprietary
    }
  }
}
