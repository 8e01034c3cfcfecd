/// Hexadecimal text for people: upper case, no separators.
public enum Hex {
  /// The digits of `bytes`, two per octet.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.underestimatedCount)
    for octet in bytes {
      text.append(digit(octet >> 4))
      text.append(digit(octet & 15))
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The same for octets that lie in an array, as most do.
  public static func encode(_ octets: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: 2 * octets.count) { text in
      for (index, octet) in octets.enumerated() {
        text[2 * index] = digit(octet >> 4)
        text[2 * index + 1] = digit(octet & 15)
      }
      return 2 * octets.count
    }
  }

  /// The octets that `text` spells; spaces and colons between octets are passed over. `nil` if it is not hexadecimal.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var octets: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 {
      if high == nil, character == 0x20 || character == 0x3A { continue }
      guard let value = value(character) else { return nil }
      if let first = high {
        octets.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? octets : nil
  }

  private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x37 + nibble }

  private static func value(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x37
    case 0x61...0x66: character - 0x57
    default: nil
    }
  }
}
