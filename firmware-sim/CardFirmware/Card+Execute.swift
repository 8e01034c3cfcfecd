import CardProtocol
import ISO7816
import Octets

/// Which command does what, and in which state of the card.
extension Card {
  /// Executes a whole, plain command; its answer goes to `output`.
  func execute(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard let instruction = Instruction(rawValue: header.ins) else { throw .instructionNotSupported }
    guard instruction.exists(in: header.classByte) else { throw .classNotSupported }
    try permit(instruction, isInterindustry: !header.classByte.isProprietary)
    switch instruction {
    case .select: return try select(header, data)
    case .manageChannel: return try manageChannel(header, data)
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
    case .externalAuthenticate where header.classByte.isProprietary: try externalAuthenticate(header, data)
    case .externalAuthenticate: try authenticateCenter(header, data)
    case .manageSecurityEnvironment: try manageSecurityEnvironment(header, data)
    case .putKey: try putKey(header, data)
    case .storeData: try storeData(header, data)
    case .generateAsymmetricKeyPair: try generateAsymmetricKeyPair(header, data)
    case .setStatus: try setStatus(header, data)
    case .getStatus: return try getStatus(header, data)
    case .delete: try delete(header, data)
    case .handOverCode: try handOverCode(header, data)
    case .useKey: try useKey(header, data)
    case .certifyCopy: try certifyCopy(header, data)
    case .openConversionKeys: try openConversionKeys(header, data)
    case .setTime: try setTime(header, data)
    case .listCodes: return try listCodes(header, data)
    // Those two are about transmission, and never come this far.
    case .getResponse, .envelope: throw .conditionsNotSatisfied
    }
    return .ok
  }

  /// The life-cycle gate (GlobalPlatform 2.3.1, 5.1.1), before anything else is looked at.
  private func permit(_ instruction: Instruction, isInterindustry: Bool) throws(StatusWord) {
    let isPermitted: Bool =
      switch lifeCycle {
      case .secured: true
      case .terminated: instruction == .getData
      case .operatingReady, .initialized, .cardLocked:
        switch instruction {
        // The class tells GlobalPlatform's EXTERNAL AUTHENTICATE from ISO's, which is the application's.
        case .externalAuthenticate where isInterindustry: false
        case .readBinary: channels.current.file == .information
        default: lifeCycle == .cardLocked ? Card.whileLocked(instruction) : Card.beforeTheIndividualKey(instruction)
        }
      }
    guard isPermitted else { throw .conditionsNotSatisfied }
    if isApplicationLocked, belongsToTheApplication(instruction, isInterindustry: isInterindustry) {
      throw .conditionsNotSatisfied
    }
  }

  /// Whether the instruction is the Warifu application's, which SET STATUS can lock: all that serves its holder.
  private func belongsToTheApplication(_ instruction: Instruction, isInterindustry: Bool) -> Bool {
    switch instruction {
    case .handOverCode, .useKey, .certifyCopy, .openConversionKeys, .setTime, .listCodes, .verify, .changeReferenceData,
      .performSecurityOperation, .resetRetryCounter, .internalAuthenticate, .manageSecurityEnvironment:
      true
    case .externalAuthenticate: isInterindustry
    case .readBinary: channels.current.file != .information
    default: false
    }
  }

  private static func beforeTheIndividualKey(_ instruction: Instruction) -> Bool {
    switch instruction {
    case .select, .manageChannel, .getData, .getChallenge, .initializeUpdate, .externalAuthenticate, .putKey,
      .setStatus, .getStatus:
      true
    default: false
    }
  }

  private static func whileLocked(_ instruction: Instruction) -> Bool {
    switch instruction {
    case .select, .manageChannel, .getData, .initializeUpdate, .externalAuthenticate, .setStatus, .getStatus: true
    default: false
    }
  }

  /// The holder's commands want the PIN.
  func requirePIN() throws(StatusWord) {
    guard channels.current.isPINVerified else { throw .securityStatusNotSatisfied }
  }
}

extension Instruction {
  /// Whether the instruction exists in this class.
  fileprivate func exists(in kind: ClassByte) -> Bool {
    switch self {
    case .getData, .getResponse, .updateBinary, .readBinary, .externalAuthenticate: true
    case .verify, .changeReferenceData, .performSecurityOperation, .resetRetryCounter, .getChallenge,
      .internalAuthenticate, .select, .manageChannel, .envelope, .manageSecurityEnvironment:
      !kind.isProprietary
    default: kind.isProprietary
    }
  }
}
