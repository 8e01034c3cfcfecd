import ISO7816

/// Logical channels, the card's files, and what carries long commands over T=0.
extension CommandAPDU {
  /// The same command on a logical channel, 0 to 19; for a higher number the command as it is.
  public func onChannel(_ number: UInt8) -> CommandAPDU {
    let kind = ClassByte(rawValue: cla)
    var command = self
    command.cla =
      ClassByte(
        isProprietary: kind.isProprietary, channel: number, isChained: kind.isChained,
        isSecured: kind.isGlobalPlatformSecured)?.rawValue ?? cla
    return command
  }

  /// MANAGE CHANNEL (ISO/IEC 7816-4, 11.2.3): opens channel `number` (1...3), or one that the card chooses and answers.
  public static func openChannel(_ number: UInt8 = 0) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, ins: Instruction.manageChannel.rawValue, p1: 0x00, p2: number, le: number == 0 ? 1 : nil)
  }

  /// MANAGE CHANNEL: closes channel `number` (1...3), or with 0 the one that the command is sent on.
  public static func closeChannel(_ number: UInt8) -> CommandAPDU {
    CommandAPDU(cla: 0x00, ins: Instruction.manageChannel.rawValue, p1: 0x80, p2: number)
  }

  /// File identifier of EF.ATR/INFO, which tells what the card can do (ISO/IEC 7816-4, clause 12).
  public static let informationFile: UInt16 = 0x2F01

  /// ENVELOPE (ISO/IEC 7816-4, 11.7.2): `command` in pieces of up to 255 octets, and the empty one that ends them. The
  /// answer to the last is the command's. What an extended command needs over T=0.
  ///
  /// - Throws: ``APDUError`` when the command is longer than any can be.
  public static func envelopes(of command: CommandAPDU) throws(APDUError) -> [CommandAPDU] {
    let octets = try command.encoded()
    let plain = CommandAPDU(cla: 0x00, ins: Instruction.envelope.rawValue)
      .onChannel(ClassByte(rawValue: command.cla).logicalChannel)
    var envelopes: [CommandAPDU] = []
    for start in stride(from: 0, to: octets.count, by: CommandAPDU.shortDataLimit) {
      var envelope = plain
      envelope.data = Array(octets[start..<min(start + CommandAPDU.shortDataLimit, octets.count)])
      envelopes.append(envelope)
    }
    return envelopes + [plain]
  }
}
