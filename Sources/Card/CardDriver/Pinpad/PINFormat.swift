/// How a PIN stands in a command: as ASCII digits, left-justified in a field of fixed length, filled with FF.
public struct PINFormat: Sendable, Hashable {
  /// Octets of the field.
  public var fieldOctets: UInt8
  /// Fewest and most digits.
  public var shortest: UInt8, longest: UInt8

  /// A format.
  public init(fieldOctets: UInt8, shortest: UInt8, longest: UInt8) {
    self.fieldOctets = fieldOctets
    self.shortest = shortest
    self.longest = longest
  }

  /// An empty field.
  var emptyField: [UInt8] { [UInt8](repeating: 0xFF, count: Int(fieldOctets)) }
}

extension PINFormat {
  /// The format's part that `PIN_VERIFY_STRUCTURE` and `PIN_MODIFY_STRUCTURE` begin with (PC/SC Part 10, 2.5.2).
  var head: [UInt8] {
    [
      30,  // bTimerOut: seconds until the first key.
      30,  // bTimerOut2: seconds between keys.
      0x82,  // bmFormatString: units of octets, PIN at the start of the data, left-justified, ASCII.
      fieldOctets & 0x0F,  // bmPINBlockString: no length is inserted; octets of the field.
      0x00,  // bmPINLengthFormat: no length is inserted.
    ]
  }

  /// wPINMaxExtraDigit, little-endian: the most digits, then the fewest.
  var digitLimits: [UInt8] { [longest, shortest] }
}

/// What a reader with a keypad is to do: build a command around a PIN that never leaves it.
///
/// The structures are those of PC/SC Part 10, 2.5.2 and 2.5.3, packed, with little-endian numbers.
public struct PINEntry: Sendable, Hashable {
  /// Which feature does it.
  enum Kind: Sendable {
    case verify
    case modify
  }

  let kind: Kind
  /// The structure.
  let structure: [UInt8]

  /// The user presses the key that confirms (bEntryValidationCondition).
  private static let validationKey: UInt8 = 0x02
  /// wLangId: English (United States), little-endian; readers without it show their own.
  private static let language: [UInt8] = [0x09, 0x04]
  /// bTeoPrologue: the driver fills in the prologue of the T=1 block.
  private static let prologue: [UInt8] = [0, 0, 0]

  /// Has a PIN entered and sent in a command whose data field is one PIN field, such as VERIFY.
  public static func verify(cla: UInt8 = 0, ins: UInt8, p1: UInt8, p2: UInt8, _ format: PINFormat) -> PINEntry {
    let command = [cla, ins, p1, p2, format.fieldOctets] + format.emptyField
    return PINEntry(
      kind: .verify,
      structure: format.head + format.digitLimits + [
        validationKey,
        1,  // bNumberMessage
      ] + language + [
        0  // bMsgIndex
      ] + prologue + count(command) + command)
  }

  /// Has an old PIN (or a PUK) and, twice, a new one entered and sent in a command whose data field is both, such as
  /// CHANGE REFERENCE DATA and RESET RETRY COUNTER.
  public static func modify(cla: UInt8 = 0, ins: UInt8, p1: UInt8, p2: UInt8, _ format: PINFormat) -> PINEntry {
    let command = [cla, ins, p1, p2, 2 * format.fieldOctets] + format.emptyField + format.emptyField
    return PINEntry(
      kind: .modify,
      structure: format.head + [
        0,  // bInsertionOffsetOld
        format.fieldOctets,  // bInsertionOffsetNew
      ] + format.digitLimits + [
        0x03,  // bConfirmPIN: the new PIN is entered twice, the old one is asked for.
        validationKey,
        3,  // bNumberMessage
      ] + language + [
        0, 1, 2,  // bMsgIndex1 to bMsgIndex3: old, new, new again.
      ] + prologue + count(command) + command)
  }

  /// ulDataLength.
  private static func count(_ command: [UInt8]) -> [UInt8] { [UInt8(truncatingIfNeeded: command.count), 0, 0, 0] }
}
