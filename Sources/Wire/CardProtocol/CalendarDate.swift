import Octets

/// A day of the years 2000 to 2099 as card-verifiable certificates state it: YYMMDD, one octet to a digit
/// (BSI TR-03110, part 3, D.2.1.3).
struct CalendarDate: Hashable {
  /// Days since 1 January 1970.
  let day: UInt64

  private static let secondsPerDay: UInt64 = 86_400
  /// 1 January 2000.
  private static let firstDay: UInt64 = 10_957

  var firstSecond: UInt64 { day * CalendarDate.secondsPerDay }
  var lastSecond: UInt64 { firstSecond + CalendarDate.secondsPerDay - 1 }

  /// The day of a second since 1970 UTC; `nil` outside the years that can be stated.
  init?(second: UInt64) {
    let day = second / CalendarDate.secondsPerDay
    guard day >= CalendarDate.firstDay, day < CalendarDate.firstDay + CalendarDate.days(before: 100) else { return nil }
    self.day = day
  }

  /// Reads six digits.
  init(parsing digits: RawSpan) throws(OctetError) {
    var reader = OctetReader(digits)
    let year = try CalendarDate.number(&reader)
    let month = try CalendarDate.number(&reader)
    let dayOfMonth = try CalendarDate.number(&reader)
    try reader.expectEnd()
    guard (1...12).contains(month), dayOfMonth >= 1, dayOfMonth <= CalendarDate.length(ofMonth: month, year: year)
    else {
      throw .invalid
    }
    var day = CalendarDate.firstDay + CalendarDate.days(before: year) + dayOfMonth - 1
    var passed: UInt64 = 1
    while passed < month {
      day += CalendarDate.length(ofMonth: passed, year: year)
      passed += 1
    }
    self.day = day
  }

  /// The six digits.
  var digits: [UInt8] {
    var rest = day - CalendarDate.firstDay
    var (year, month): (UInt64, UInt64) = (0, 1)
    while rest >= CalendarDate.length(ofYear: year) {
      rest -= CalendarDate.length(ofYear: year)
      year += 1
    }
    while rest >= CalendarDate.length(ofMonth: month, year: year) {
      rest -= CalendarDate.length(ofMonth: month, year: year)
      month += 1
    }
    return [year, month, rest + 1].flatMap { [UInt8($0 / 10), UInt8($0 % 10)] }
  }

  private static func number(_ reader: inout OctetReader) throws(OctetError) -> UInt64 {
    let (tens, units) = (try reader.u8(), try reader.u8())
    guard tens <= 9, units <= 9 else { throw .invalid }
    return UInt64(tens) * 10 + UInt64(units)
  }

  /// 2000 was a leap year, and so is every fourth one until 2099.
  private static func length(ofYear year: UInt64) -> UInt64 { year % 4 == 0 ? 366 : 365 }

  /// Days of the years 2000 to 2000 + `year` - 1.
  private static func days(before year: UInt64) -> UInt64 { year * 365 + (year + 3) / 4 }

  private static func length(ofMonth month: UInt64, year: UInt64) -> UInt64 {
    switch month {
    case 2: year % 4 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
