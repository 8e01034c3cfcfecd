/// One `key=value` of a login or text exchange (RFC 7143, 6.1).
public struct TextPair: Hashable, Sendable {
  /// The most octets of a key.
  public static let maximumKeyOctets = 63

  /// What is spoken of.
  public let key: String
  /// What is said of it.
  public let value: String

  /// A pair.
  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }

  /// The pairs of a text, each ended by a NUL.
  ///
  /// - Throws: ``TextError/malformed`` for a piece without an equals sign, a key that is empty or too long, octets that
  ///   are no UTF-8, or a text without its last NUL.
  public static func parse(_ text: [UInt8]) throws(TextError) -> [TextPair] {
    guard text.last ?? 0 == 0 else { throw .malformed }
    var pairs: [TextPair] = []
    for piece in text.split(separator: 0) {
      guard let equals = piece.firstIndex(of: UInt8(ascii: "=")) else { throw .malformed }
      let key = piece[..<equals]
      guard (1...maximumKeyOctets).contains(key.count), key.allSatisfy({ (0x21...0x7E).contains($0) }),
        let name = String(validating: key, as: UTF8.self),
        let value = String(validating: piece[(equals + 1)...], as: UTF8.self)
      else { throw .malformed }
      pairs.append(TextPair(name, value))
    }
    return pairs
  }

  /// The pair as it travels.
  public var octets: [UInt8] { Array(key.utf8) + [UInt8(ascii: "=")] + Array(value.utf8) + [0] }
}

/// Why a text cannot be understood.
public enum TextError: Error, Hashable, Sendable {
  /// It is no sequence of `key=value`.
  case malformed
  /// A key was given twice.
  case repeatedKey
  /// Something that the rules of negotiation forbid.
  case forbidden
}

/// Values as text spells them (RFC 7143, 6.1).
public enum TextValue {
  /// A number, decimal or hexadecimal behind `0x`; `nil` for anything else.
  public static func number(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") { return integer(text.utf8.dropFirst(2), base: 16) }
    return integer(text.utf8[...], base: 10)
  }

  /// `Yes` or `No`; `nil` for anything else.
  public static func bool(_ text: String) -> Bool? {
    switch text {
    case "Yes": true
    case "No": false
    default: nil
    }
  }

  /// The items of a list in the order of preference.
  public static func list(_ text: String) -> [String] {
    text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .compactMap { String(Substring($0)) }
  }

  /// Octets spelt in hexadecimal behind `0x` or in base 64 behind `0b`, at most `limit` of them; `nil` for anything else.
  public static func binary(_ text: String, limit: Int) -> [UInt8]? {
    let digits = text.utf8.dropFirst(2)
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      guard digits.count <= 2 * limit else { return nil }
      return hexadecimal(digits)
    }
    if text.hasPrefix("0b") || text.hasPrefix("0B") {
      guard digits.count <= (limit + 2) / 3 * 4 else { return nil }
      return base64(digits).flatMap { $0.count <= limit ? $0 : nil }
    }
    return nil
  }

  /// Octets in hexadecimal behind `0x`.
  public static func hexadecimal(_ octets: [UInt8]) -> String {
    var text = [UInt8(ascii: "0"), UInt8(ascii: "x")]
    for octet in octets {
      for nibble in [octet >> 4, octet & 15] { text.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func integer(_ digits: some Collection<UInt8>, base: UInt64) -> UInt64? {
    guard (1...20).contains(digits.count) else { return nil }
    var number: UInt64 = 0
    for character in digits {
      guard let digit = digit(character), UInt64(digit) < base else { return nil }
      let (shifted, overflow) = number.multipliedReportingOverflow(by: base)
      let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }

  /// An odd number of digits has its first octet in one digit.
  private static func hexadecimal(_ digits: some Collection<UInt8>) -> [UInt8]? {
    guard !digits.isEmpty else { return nil }
    var octets: [UInt8] = []
    var high: UInt8? = digits.count % 2 == 1 ? 0 : nil
    for character in digits {
      guard let digit = digit(character) else { return nil }
      if let value = high {
        octets.append(value << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return octets
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x37
    case 0x61...0x66: character - 0x57
    default: nil
    }
  }

  /// RFC 4648, 4, with padding.
  private static func base64(_ digits: some Collection<UInt8>) -> [UInt8]? {
    guard !digits.isEmpty, digits.count % 4 == 0 else { return nil }
    var octets: [UInt8] = []
    var group: UInt32 = 0
    var count = 0
    var padding = 0
    for character in digits {
      let value: UInt8
      switch character {
      case 0x41...0x5A: value = character - 0x41
      case 0x61...0x7A: value = character - 0x47
      case 0x30...0x39: value = character + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        value = 0
        padding += 1
      default: return nil
      }
      guard padding == 0 || character == UInt8(ascii: "=") else { return nil }
      group = group << 6 | UInt32(value)
      count += 1
      if count % 4 == 0 {
        for shift in [16, 8, 0] as [UInt32] { octets.append(UInt8(truncatingIfNeeded: group >> shift)) }
        group = 0
      }
    }
    guard padding <= 2 else { return nil }
    octets.removeLast(padding)
    return octets
  }
}
