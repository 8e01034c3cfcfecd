/// An amount of money: integer minor units and an ISO 4217 currency.
///
/// Arithmetic is checked: it throws rather than wraps, mixes currencies or loses a unit.
public struct Money: Hashable, Sendable {
  /// Minor units (yen, cents). May be negative in a ledger, never in a price.
  public let minorUnits: Int64
  /// What they are units of.
  public let currency: Currency

  /// An amount.
  public init(minorUnits: Int64, currency: Currency) {
    self.minorUnits = minorUnits
    self.currency = currency
  }

  /// Nothing.
  public static func zero(_ currency: Currency) -> Money { Money(minorUnits: 0, currency: currency) }

  /// The sum.
  public func adding(_ other: Money) throws(MoneyError) -> Money {
    guard currency == other.currency else { throw .mixedCurrencies }
    return try checked(minorUnits.addingReportingOverflow(other.minorUnits))
  }

  /// The difference.
  public func subtracting(_ other: Money) throws(MoneyError) -> Money {
    guard currency == other.currency else { throw .mixedCurrencies }
    return try checked(minorUnits.subtractingReportingOverflow(other.minorUnits))
  }

  /// So many times this amount.
  public func multiplied(by factor: Int) throws(MoneyError) -> Money {
    guard let factor = Int64(exactly: factor) else { throw .overflow }
    return try checked(minorUnits.multipliedReportingOverflow(by: factor))
  }

  /// The amount with the other sign.
  public func negated() throws(MoneyError) -> Money {
    try Money.zero(currency).subtracting(self)
  }

  private func checked(_ result: (partialValue: Int64, overflow: Bool)) throws(MoneyError) -> Money {
    guard !result.overflow else { throw .overflow }
    return Money(minorUnits: result.partialValue, currency: currency)
  }
}

/// Why an amount could not be computed.
public enum MoneyError: Error, Hashable, Sendable {
  /// Amounts of different currencies.
  case mixedCurrencies
  /// More than 64 bits of minor units.
  case overflow
}

/// A currency by its ISO 4217 alphabetic code: three upper-case letters.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
  /// The three letters.
  public let code: String

  /// The currency with this code; `nil` unless it is three upper-case letters of ASCII.
  public init?(_ code: some StringProtocol) {
    let utf8 = Array(code.utf8)
    guard utf8.count == 3, utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else { return nil }
    self.code = String(code)
  }

  private init(literal code: String) { self.code = code }

  /// Japanese yen, no minor unit.
  public static let yen = Currency(literal: "JPY")
  /// Euro, hundredths.
  public static let euro = Currency(literal: "EUR")
  /// US dollar, hundredths.
  public static let dollar = Currency(literal: "USD")
  /// Utilisation points (P7): counted like money, and no money. ISO 4217 gives the code to nobody.
  public static let points = Currency(literal: "PTS")

  /// How many decimal digits the minor unit has (ISO 4217, table A.1).
  public var minorDigits: Int {
    switch code {
    case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PTS", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
      "XOF", "XPF":
      0
    case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
    case "CLF", "UYW": 4
    default: 2
    }
  }

  /// The code.
  public var description: String { code }
}

extension Money: CustomStringConvertible {
  /// The amount for people and programs alike: `1234.50 EUR`, `1200 JPY`.
  public var description: String {
    let digits = currency.minorDigits
    let magnitude = String(minorUnits.magnitude)
    let padded = String(repeating: "0", count: max(0, digits + 1 - magnitude.count)) + magnitude
    let fraction = digits == 0 ? "" : "." + padded.suffix(digits)
    return (minorUnits < 0 ? "-" : "") + padded.dropLast(digits) + fraction + " " + currency.code
  }

  /// The amount that `text` spells as ``description`` writes it: at most the currency's decimal digits, no grouping.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let currency = Currency(parts[1]) else { return nil }
    let negative = parts[0].hasPrefix("-")
    let number = (negative ? parts[0].dropFirst() : parts[0][...]).split(
      separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(number.count), let whole = number.first, !whole.isEmpty else { return nil }
    let fraction = number.count == 2 ? number[1] : ""
    guard number.count == 1 || (1...max(1, currency.minorDigits)).contains(fraction.count),
      fraction.count <= currency.minorDigits
    else { return nil }
    let digits = String(whole) + fraction + String(repeating: "0", count: currency.minorDigits - fraction.count)
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    guard let minorUnits = Int64((negative ? "-" : "") + digits) else { return nil }
    self.init(minorUnits: minorUnits, currency: currency)
  }
}
