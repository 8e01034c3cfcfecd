import Cryptography
import Formats
import Testing

@Suite struct MoneyTests {
  @Test(arguments: [
    ("1200 JPY", 1200, Currency.yen), ("12.00 EUR", 1200, .euro), ("-0.05 USD", -5, .dollar), ("0.00 EUR", 0, .euro),
    ("-92233720368547758.08 EUR", Int64.min, .euro),
  ])
  func readsWhatItWrites(text: String, minorUnits: Int64, currency: Currency) throws {
    let money = Money(minorUnits: minorUnits, currency: currency)
    #expect(money.description == text)
    #expect(Money(text) == money)
  }

  @Test(arguments: [
    "", "1200", "1200JPY", "12.5 JPY", "1,200 JPY", "1.234 EUR", "1. EUR", ".5 EUR", "--1 EUR", "1 eur", "1 EURO",
    "+1 EUR", "99999999999999999999 JPY", "1 EUR ", "１ EUR", "1e3 JPY",
  ])
  func otherTextIsRefused(text: String) { #expect(Money(text) == nil) }

  @Test func wholeAmountsNeedNoFraction() {
    #expect(Money("12 EUR") == Money(minorUnits: 1200, currency: .euro))
    #expect(Money("12.5 EUR") == Money(minorUnits: 1250, currency: .euro))
  }

  @Test func arithmeticIsChecked() throws {
    let most = Money(minorUnits: .max, currency: .yen)
    let one = Money(minorUnits: 1, currency: .yen)
    #expect(throws: MoneyError.overflow) { try most.adding(one) }
    #expect(throws: MoneyError.overflow) { try most.multiplied(by: 2) }
    #expect(throws: MoneyError.overflow) { try Money(minorUnits: .min, currency: .yen).negated() }
    #expect(throws: MoneyError.mixedCurrencies) { try one.adding(Money(minorUnits: 1, currency: .euro)) }
    #expect(throws: MoneyError.mixedCurrencies) { try one.subtracting(Money(minorUnits: 1, currency: .euro)) }
    #expect(try one.multiplied(by: 5).subtracting(one) == Money(minorUnits: 4, currency: .yen))
  }

  @Test func addingAndSubtractingAreInverse() throws {
    let random = SeededRandom(seed: Sample.seed)
    for _ in 0..<500 {
      let parts = random.octets(8).map(Int64.init)
      let a = Money(minorUnits: parts[0] << 16 | parts[1], currency: .euro)
      let b = Money(minorUnits: -(parts[2] << 16 | parts[3]), currency: .euro)
      #expect(try a.adding(b).subtracting(b) == a)
      #expect(Money(a.description) == a)
    }
  }
}
