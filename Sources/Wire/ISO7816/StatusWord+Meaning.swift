import Octets

extension StatusWord {
  /// What it means, a phrase for people, after its four hexadecimal digits: "6A82: file or application not found".
  public var meaning: String {
    let digits = Hex.encode([sw1, sw2])
    if let exact = exactMeaning { return digits + ": " + exact }
    if let counted = countedMeaning { return digits + ": " + counted }
    return digits + ": " + classMeaning
  }

  /// What ISO/IEC 7816-4 (5.6) and GlobalPlatform 2.3.1 (11.1.3) say of this very value.
  private var exactMeaning: String? {
    switch rawValue {
    case 0x9000: "done"
    case 0x6200: "a warning without more; MANAGE CHANNEL: the channel is closed already"
    case 0x6281: "part of the returned data may be corrupted"
    case 0x6282: "end of file or record reached before Le octets"
    case 0x6283: "the selected file or application is deactivated, or the card is locked"
    case 0x6285: "the selected file is in its termination state"
    case 0x6300: "authentication of the host failed"
    case 0x6310: "more data is available"
    case 0x6381: "the file was filled up by the last write"
    case 0x6400: "execution error, nothing changed"
    case 0x6581: "memory failure"
    case 0x6700: "wrong length"
    case 0x6881: "logical channel not supported"
    case 0x6882: "secure messaging not supported"
    case 0x6883: "last command of the chain expected"
    case 0x6884: "command chaining not supported"
    case 0x6981: "command incompatible with the file structure"
    case 0x6982: "security status not satisfied"
    case 0x6983: "authentication method blocked"
    case 0x6984: "referenced data invalidated"
    case 0x6985: "conditions of use not satisfied"
    case 0x6986: "command not allowed, no current file"
    case 0x6987: "secure messaging data objects missing"
    case 0x6988: "incorrect secure messaging data objects"
    case 0x6A80: "incorrect parameters in the data field"
    case 0x6A81: "function not supported"
    case 0x6A82: "file or application not found"
    case 0x6A83: "record not found"
    case 0x6A84: "not enough memory space"
    case 0x6A86: "incorrect P1 or P2"
    case 0x6A87: "Lc inconsistent with P1 or P2"
    case 0x6A88: "referenced data not found"
    case 0x6A89: "file already exists"
    case 0x6A8A: "file name already exists"
    case 0x6B00: "offset outside the file"
    case 0x6D00: "instruction not supported"
    case 0x6E00: "class not supported"
    case 0x6F00: "no precise diagnosis"
    default: nil
    }
  }

  /// What it counts, where SW2 is a number.
  private var countedMeaning: String? {
    if let count = bytesAvailable {
      return decimal(count) + (sw2 == 0 ? " or more" : "") + " octets wait to be fetched"
    }
    if let length = correctLe { return "wrong Le, " + decimal(length) + " octets are there" }
    if let tries = retriesLeft {
      return "verification failed, " + (tries == 1 ? "1 try" : decimal(tries) + " tries") + " left"
    }
    return nil
  }

  /// What its SW1 says, whatever SW2 is.
  private var classMeaning: String {
    switch sw1 {
    case 0x62: "a warning, nothing changed"
    case 0x63: "a warning, something changed"
    case 0x64: "execution error, nothing changed"
    case 0x65: "execution error, something changed"
    case 0x66: "execution error, a matter of security"
    case 0x67: "wrong length"
    case 0x68: "a function in the class is not supported"
    case 0x69: "command not allowed"
    case 0x6A: "wrong parameters"
    case 0x6B: "wrong parameters"
    case 0x6D: "instruction not supported"
    case 0x6E: "class not supported"
    case 0x6F: "no precise diagnosis"
    case 0x90...0x9F: "the application's own, not defined by ISO/IEC 7816-4"
    default: "not a status word of ISO/IEC 7816-4"
    }
  }

  private func decimal(_ value: Int) -> String { value.description }
}

extension StatusWord: CustomStringConvertible {
  /// ``meaning``.
  public var description: String { meaning }
}
