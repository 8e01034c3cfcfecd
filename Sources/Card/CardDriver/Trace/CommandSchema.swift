import CardProtocol
import ISO7816

/// What a command is, as far as a trace must know: its name, and which of its octets anybody may see.
///
/// Whatever is not said to be public here is secret: a new command hides its data and answer until somebody has thought
/// about them.
public struct CommandSchema: Sendable, Hashable {
  /// The command's name in its standard.
  public let name: String
  /// Whether its data may hold a secret.
  public let carriesSecret: Bool
  /// Whether its answer may hold a secret.
  public let answersSecret: Bool

  /// What anybody may see of a command.
  private enum Public {
    case nothing
    case data
    case answer
    case everything
  }

  private init(_ name: String, _ shown: Public = .nothing) {
    self.name = name
    carriesSecret = shown == .nothing || shown == .answer
    answersSecret = shown == .nothing || shown == .data
  }

  private init(name: String, carriesSecret: Bool, answersSecret: Bool) {
    self.name = name
    self.carriesSecret = carriesSecret
    self.answersSecret = answersSecret
  }

  /// The schema of a command; without data it carries nothing.
  public init(of command: CommandAPDU) {
    let schema = CommandSchema.known(command)
    let isSecured = CommandSchema.isSecured(command)
    self.init(
      name: schema.name + (isSecured ? " (secured)" : ""),
      carriesSecret: (schema.carriesSecret || isSecured) && !command.data.isEmpty,
      answersSecret: schema.answersSecret || isSecured)
  }

  /// Whether the body is a secure channel's: ciphertext, or plain octets under a MAC. The command that opens the channel
  /// has the same class, and a body of its own: a cryptogram.
  private static func isSecured(_ command: CommandAPDU) -> Bool {
    ClassByte(rawValue: command.cla).secureMessaging != .none
      && command.ins != Instruction.externalAuthenticate.rawValue
  }

  private static func known(_ command: CommandAPDU) -> CommandSchema {
    let kind = ClassByte(rawValue: command.cla)
    guard kind.isValid else { return unknown }
    return kind.isProprietary ? proprietary(command) : interindustry(command)
  }

  /// GlobalPlatform's commands and Warifu's own.
  private static func proprietary(_ command: CommandAPDU) -> CommandSchema {
    switch Instruction(rawValue: command.ins) {
    case .handOverCode: CommandSchema("HAND OVER CODE", .data)
    case .useKey: CommandSchema("USE KEY")
    case .certifyCopy: CommandSchema("CERTIFY COPY", command.p1 == 0x01 ? .data : .everything)
    case .openConversionKeys: CommandSchema("OPEN CONVERSION KEYS", .data)
    case .setTime: CommandSchema("SET TIME", .everything)
    case .listCodes: CommandSchema("LIST CODES", .everything)
    case .initializeUpdate: CommandSchema("INITIALIZE UPDATE", .everything)
    case .externalAuthenticate: CommandSchema("EXTERNAL AUTHENTICATE", .everything)
    case .putKey: CommandSchema("PUT KEY", .answer)
    case .storeData: CommandSchema("STORE DATA", .answer)
    case .delete: CommandSchema("DELETE", .everything)
    case .setStatus: CommandSchema("SET STATUS", .everything)
    case .getStatus: CommandSchema("GET STATUS", .everything)
    case .generateAsymmetricKeyPair: CommandSchema("GENERATE ASYMMETRIC KEY PAIR", .everything)
    case .updateBinary: CommandSchema("UPDATE BINARY", .answer)
    case .getData: getData(command)
    default: unknown
    }
  }

  /// ISO/IEC 7816-4's and 7816-8's commands.
  private static func interindustry(_ command: CommandAPDU) -> CommandSchema {
    switch command.ins {
    case Instruction.verify.rawValue: CommandSchema("VERIFY", .answer)
    case Instruction.manageSecurityEnvironment.rawValue: CommandSchema("MANAGE SECURITY ENVIRONMENT", .everything)
    case Instruction.changeReferenceData.rawValue: CommandSchema("CHANGE REFERENCE DATA", .answer)
    case Instruction.resetRetryCounter.rawValue: CommandSchema("RESET RETRY COUNTER", .answer)
    case Instruction.performSecurityOperation.rawValue: securityOperation(command)
    case Instruction.manageChannel.rawValue: CommandSchema("MANAGE CHANNEL", .everything)
    case Instruction.externalAuthenticate.rawValue: CommandSchema("EXTERNAL AUTHENTICATE", .everything)
    case Instruction.getChallenge.rawValue: CommandSchema("GET CHALLENGE", .everything)
    case Instruction.internalAuthenticate.rawValue: CommandSchema("INTERNAL AUTHENTICATE", .everything)
    case Instruction.select.rawValue: CommandSchema("SELECT", .everything)
    case Instruction.readBinary.rawValue: CommandSchema("READ BINARY")
    case Instruction.getResponse.rawValue: CommandSchema("GET RESPONSE")
    case Instruction.envelope.rawValue: CommandSchema("ENVELOPE")
    case Instruction.getData.rawValue: getData(command)
    default: unknown
    }
  }

  /// Digests and signatures are public; what is enciphered is a key, and so is what comes deciphered.
  private static func securityOperation(_ command: CommandAPDU) -> CommandSchema {
    let name = "PERFORM SECURITY OPERATION"
    return switch (command.p1, command.p2) {
    case (0x9E, 0x9A), (0x00, 0xA8), (0x00, 0xBE): CommandSchema(name, .everything)
    case (0x86, 0x80): CommandSchema(name, .answer)
    case (0x80, 0x86): CommandSchema(name, .data)
    default: CommandSchema(name)
    }
  }

  /// GET DATA names its object in P1 P2; an object unknown here may be anything.
  private static func getData(_ command: CommandAPDU) -> CommandSchema {
    let tag = UInt16(command.p1) << 8 | UInt16(command.p2)
    guard let name = TagName.ofDataObject(tag) else { return CommandSchema("GET DATA", .data) }
    return CommandSchema("GET DATA (\(name))", .everything)
  }

  private static var unknown: CommandSchema { CommandSchema("a command unknown here") }
}

extension CommandAPDU {
  /// What a trace must know of it.
  public var schema: CommandSchema { CommandSchema(of: self) }
}
