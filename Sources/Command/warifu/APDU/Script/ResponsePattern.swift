import Octets

/// What a response must look like: octets, `X` or `?` for any digit, and one `*` for any octets (docs/apdu-scripts.md).
///
/// The whole response is meant, data and status word. Alternatives stand between `|`.
struct ResponsePattern: Sendable {
  private enum Digit: Sendable {
    case any
    case exactly(UInt8)

    func matches(_ digit: UInt8) -> Bool {
      switch self {
      case .any: true
      case .exactly(let wanted): wanted == digit
      }
    }
  }

  private struct Alternative: Sendable {
    var head: [Digit] = []
    /// What follows the `*`, if there is one.
    var tail: [Digit]?
  }

  private let alternatives: [Alternative]

  /// Reads a pattern; `nil` if it is none.
  init?(_ text: some StringProtocol) {
    var alternatives: [Alternative] = []
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      guard let alternative = ResponsePattern.alternative(part) else { return nil }
      alternatives.append(alternative)
    }
    self.alternatives = alternatives
  }

  /// Whether the response is one of those that are wanted.
  func matches(_ response: [UInt8]) -> Bool {
    let digits = response.flatMap { [$0 >> 4, $0 & 15] }
    return alternatives.contains { alternative in
      guard let tail = alternative.tail else { return ResponsePattern.matches(alternative.head, digits[...]) }
      let fixed = alternative.head.count + tail.count
      return digits.count >= fixed && ResponsePattern.matches(alternative.head, digits.prefix(alternative.head.count))
        && ResponsePattern.matches(tail, digits.suffix(tail.count))
    }
  }

  private static func matches(_ wanted: [Digit], _ digits: ArraySlice<UInt8>) -> Bool {
    wanted.count == digits.count && zip(wanted, digits).allSatisfy { $0.matches($1) }
  }

  private static func alternative(_ text: some StringProtocol) -> Alternative? {
    var alternative = Alternative()
    var digits: [Digit] = []
    for character in text {
      switch character {
      case " ", "\t", ":": continue
      case "X", "x", "?": digits.append(.any)
      case "*":
        guard alternative.tail == nil, digits.count.isMultiple(of: 2) else { return nil }
        (alternative.head, alternative.tail, digits) = (digits, [], [])
      default:
        guard character.isASCII, let value = character.hexDigitValue else { return nil }
        digits.append(.exactly(UInt8(value)))
      }
    }
    guard digits.count.isMultiple(of: 2) else { return nil }
    if alternative.tail == nil { alternative.head = digits } else { alternative.tail = digits }
    return alternative.head.isEmpty && alternative.tail == nil ? nil : alternative
  }
}
