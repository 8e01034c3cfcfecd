import Cryptography
import Octets

/// A retrieval code (P22): 80 random bits that buy one download of a title.
///
/// Written as 16 symbols of Crockford's base32, most significant first, and one check symbol (the number modulo 37), in
/// groups of four: `ABCD-EFGH-JKMN-PQRS-T`. Read in any case, with O as 0 and I or L as 1; hyphens and spaces are passed
/// over. The code is a secret: its description is redacted, and ``text`` is asked for by name.
public struct RetrievalCode: Hashable, Sendable {
  /// Octets of a code.
  public static let octetCount = 10
  /// Symbols that carry it; the check symbol follows.
  public static let symbolCount = 16

  /// The 10 octets.
  public let octets: [UInt8]

  /// The code of these octets; `nil` unless there are 10.
  public init?(octets: [UInt8]) {
    guard octets.count == RetrievalCode.octetCount else { return nil }
    self.octets = octets
  }

  /// A new code.
  public init(from random: any RandomSource) {
    octets = random.octets(RetrievalCode.octetCount)
  }

  /// The code as people write it.
  public var text: String {
    let symbols = RetrievalCode.symbols(of: octets).map { Crockford.alphabet[Int($0)] }
    let groups = stride(from: 0, to: symbols.count, by: 4).map { symbols[$0..<min($0 + 4, symbols.count)] }
    let check = Crockford.alphabet[RetrievalCode.check(of: octets)]
    return (groups.map { String(decoding: $0, as: UTF8.self) } + [String(decoding: [check], as: UTF8.self)])
      .joined(separator: "-")
  }

  /// Reads what somebody typed.
  ///
  /// - Throws: ``RetrievalCodeError``, which tells a slip of the fingers from a code that is merely wrong: whatever passes
  ///   here is well typed, and only the centre knows whether there is such a code.
  public init(typed text: some StringProtocol) throws(RetrievalCodeError) {
    var values: [UInt8] = []
    for octet in text.utf8 where octet != 0x2D && octet != 0x20 {
      guard values.count <= RetrievalCode.symbolCount else { throw .wrongLength }
      guard let value = Crockford.value(octet) else { throw .foreignSymbol(position: values.count + 1) }
      values.append(value)
    }
    guard values.count == RetrievalCode.symbolCount + 1, let check = values.popLast() else { throw .wrongLength }
    if let stray = values.firstIndex(where: { $0 >= 32 }) { throw .foreignSymbol(position: stray + 1) }
    let octets = RetrievalCode.octets(of: values)
    guard RetrievalCode.check(of: octets) == Int(check) else { throw .typingError }
    self.octets = octets
  }

  /// The number that the octets spell, modulo 37.
  private static func check(of octets: [UInt8]) -> Int {
    octets.reduce(0) { ($0 << 8 | Int($1)) % 37 }
  }

  /// 80 bits in groups of five.
  private static func symbols(of octets: [UInt8]) -> [UInt8] {
    (0..<symbolCount).map { index in
      (0..<5).reduce(0) { symbol, offset in
        let bit = index * 5 + offset
        return symbol << 1 | (octets[bit / 8] >> UInt8(7 - bit % 8)) & 1
      }
    }
  }

  /// The inverse of ``symbols(of:)``.
  private static func octets(of symbols: [UInt8]) -> [UInt8] {
    (0..<octetCount).map { index in
      (0..<8).reduce(0) { octet, offset in
        let bit = index * 8 + offset
        return octet << 1 | (symbols[bit / 5] >> UInt8(4 - bit % 5)) & 1
      }
    }
  }
}

extension RetrievalCode: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always `RetrievalCode(redacted)`.
  public var description: String { "RetrievalCode(redacted)" }
  /// Always `RetrievalCode(redacted)`.
  public var debugDescription: String { description }
  /// Shows no content.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why what somebody typed is no retrieval code.
public enum RetrievalCodeError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Not 16 symbols and a check symbol.
  case wrongLength
  /// The symbol at this position, from 1, stands in no code.
  case foreignSymbol(position: Int)
  /// The check symbol does not fit: something was mistyped.
  case typingError

  /// One sentence with what to do.
  public var description: String {
    switch self {
    case .wrongLength: "A retrieval code has 17 symbols in groups of four; type it again."
    case .foreignSymbol(let position): "Symbol \(position) stands in no retrieval code; type it again."
    case .typingError: "The retrieval code is mistyped; compare it with the sheet and type it again."
    }
  }
}

/// Crockford's base32 alphabet with its five additional check symbols.
private enum Crockford {
  static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U".utf8)

  /// Which number a typed symbol stands for.
  static func value(_ octet: UInt8) -> UInt8? {
    let upper = (0x61...0x7A).contains(octet) ? octet - 0x20 : octet
    let symbol: UInt8 =
      switch upper {
      case 0x4F: 0x30  // O
      case 0x49, 0x4C: 0x31  // I, L
      default: upper
      }
    return alphabet.firstIndex(of: symbol).map(UInt8.init)
  }
}
