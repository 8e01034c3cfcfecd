import CardProtocol
import ISO7816

/// What a command is, as far as a trace must know: its name, and which of its data are nobody else's business.
///
/// Whatever is not known to be public is secret.
struct CommandSchema {
  /// The command's name in its standard.
  let name: String
  /// Whether its data may hold a secret.
  let carriesSecret: Bool
  /// Whether its answer may hold a secret.
  let answersSecret: Bool

  private init(_ name: String, carriesSecret: Bool = false, answersSecret: Bool = false) {
    self.name = name
    self.carriesSecret = carriesSecret
    self.answersSecret = answersSecret
  }

  /// The schema of a command; without data it carries nothing.
  init(of command: CommandAPDU) {
    let schema = CommandSchema.known(command)
    self.init(
      schema.name, carriesSecret: schema.carriesSecret && !command.data.isEmpty, answersSecret: schema.answersSecret)
  }

  private static func known(_ command: CommandAPDU) -> CommandSchema {
    let isProprietary = command.cla & 0x80 != 0
    switch (Instruction(rawValue: command.ins), isProprietary) {
    case (.handOverCode, true): return CommandSchema("HAND OVER CODE", answersSecret: true)
    case (.useKey, true): return CommandSchema("USE KEY", carriesSecret: true, answersSecret: true)
    case (.certifyCopy, true): return CommandSchema("CERTIFY COPY", answersSecret: command.p1 == 0x01)
    case (.setTime, true): return CommandSchema("SET TIME")
    case (.listCodes, true): return CommandSchema("LIST CODES")
    case (.initializeUpdate, true): return CommandSchema("INITIALIZE UPDATE")
    case (.externalAuthenticate, true): return CommandSchema("EXTERNAL AUTHENTICATE")
    case (.putKey, true): return CommandSchema("PUT KEY", carriesSecret: true)
    case (.storeData, true): return CommandSchema("STORE DATA", carriesSecret: true)
    case (.delete, true): return CommandSchema("DELETE")
    case (.setStatus, true): return CommandSchema("SET STATUS")
    case (.getStatus, true): return CommandSchema("GET STATUS")
    case (.generateAsymmetricKeyPair, true): return CommandSchema("GENERATE ASYMMETRIC KEY PAIR")
    case (.updateBinary, true): return CommandSchema("UPDATE BINARY", carriesSecret: true)
    case (.getData, _): return CommandSchema("GET DATA")
    case (.verify, false): return CommandSchema("VERIFY", carriesSecret: true)
    case (.changeReferenceData, false): return CommandSchema("CHANGE REFERENCE DATA", carriesSecret: true)
    case (.resetRetryCounter, false): return CommandSchema("RESET RETRY COUNTER", carriesSecret: true)
    case (.performSecurityOperation, false): return CommandSchema("PERFORM SECURITY OPERATION")
    case (.getChallenge, false): return CommandSchema("GET CHALLENGE")
    case (.internalAuthenticate, false): return CommandSchema("INTERNAL AUTHENTICATE")
    case (.select, false): return CommandSchema("SELECT")
    case (.readBinary, false): return CommandSchema("READ BINARY", answersSecret: true)
    case (.getResponse, false): return CommandSchema("GET RESPONSE", answersSecret: true)
    default: return CommandSchema("a command unknown here", carriesSecret: true, answersSecret: true)
    }
  }
}

extension CommandAPDU {
  /// What a trace must know of it.
  var schema: CommandSchema { CommandSchema(of: self) }
}
