import Formats
import Identifiers
import LicenseCenter

/// What the documents of several endpoints are made of.
extension Schema {
  /// An amount of money, or of points.
  static let money = Schema.named(
    "Money",
    .object([
      .init("minorUnits", .integer(Int64.min...Int64.max), "Yen, cents: the currency's minor unit (ISO 4217)."),
      .init("currency", .currency, "The currency's three letters; PTS for points."),
    ]))
  /// A currency's three letters.
  static let currency = Schema.text(.capitals(3))
  /// The name of something that was done once.
  static let operation = Schema.text(.hexadecimal(octets: 16...16))
  /// The number of a row of the books.
  static let number = Schema.integer(1...Int64.max)
  /// How many there are.
  static let count = Schema.integer(0...Int64.max)
  /// That what was asked for is done.
  static let done = Schema.named("Done", .object([.init("status", .text(.choice(["done"])), "It is done.")]))
}

extension Reply {
  /// What was asked for is done, now or before.
  static let done = Reply.json(["status": "done"])
}

extension JSON {
  /// An object of the members that there are.
  static func members(_ members: [String: JSON?]) -> JSON { .object(members.compactMapValues { $0 }) }

  /// A whole number; one that is too large for JSON's readers stands for the end of time.
  static func number(_ value: some BinaryInteger) -> JSON { .integer(Int64(clamping: value)) }

  /// An amount.
  static func money(_ money: Money) -> JSON {
    ["minorUnits": .integer(money.minorUnits), "currency": .text(money.currency.code)]
  }

  /// What a number says, in a narrower type; the schema has said that it fits.
  func number<Value: FixedWidthInteger>(_ name: String, as _: Value.Type = Value.self) throws(Problem) -> Value {
    guard let value: Value = optionalNumber(name) else { throw Problem(.invalid, "\(name) is missing.") }
    return value
  }

  /// The same of a member that may be left out.
  func optionalNumber<Value: FixedWidthInteger>(_ name: String, as _: Value.Type = Value.self) -> Value? {
    guard case .integer(let number) = self[name] else { return nil }
    return Value(exactly: number)
  }

  /// The amount that a member says.
  func money(_ name: String) throws(Problem) -> Money {
    guard let member = self[name] else { throw Problem(.invalid, "\(name) is missing.") }
    return Money(minorUnits: try member.number("minorUnits"), currency: try member.text("currency") { Currency($0) })
  }
}

extension Call {
  /// The name of the change. An endpoint that changes something is never called without.
  var operation: OperationID {
    get throws(Problem) {
      guard let operationID else { throw Problem(.invalid, "There is no key.") }
      return operationID
    }
  }

  /// Whether the caller may know who the holders are.
  var maySeePersons: Bool { identity.map { !$0.roles.isDisjoint(with: [.counter, .holder]) } ?? false }

  /// The card in the path, which the caller may act for.
  var cardInPath: CardSerial {
    get throws(Problem) {
      let card = try text("card") { CardSerial($0) }
      try expectAuthority(over: card)
      return card
    }
  }

  /// The card in the body, which the caller may act for.
  var cardInBody: CardSerial {
    get throws(Problem) {
      let card = try body.text("card") { CardSerial($0) }
      try expectAuthority(over: card)
      return card
    }
  }

  /// The number in the path.
  func number(_ name: String) throws(Problem) -> Int64 {
    guard case .integer(let number) = parameters[name] else { throw Problem(.invalid, "\(name) is missing.") }
    return number
  }
}

extension Problem {
  /// What a record of the formats refuses, said to whoever asked for it.
  static func onRefusal<Value>(_ make: () throws(FormatError) -> Value) throws(Problem) -> Value {
    do { return try make() } catch { throw Problem(.unprocessable, error.description) }
  }
}

/// Lists that are answered a page at a time: so many behind the one that the page before ended with.
enum Paging {
  /// The most of one page.
  static let limit: Int64 = 100

  /// The parameters of a list.
  static func parameters(after: Schema) -> [Endpoint.Parameter] {
    [
      .query("after", after, "What the page before said is next; from the start if left out.", isOptional: true),
      .query("limit", .integer(1...limit), "The most to answer; \(limit) if left out.", isOptional: true),
    ]
  }

  /// The shape of a page.
  static func schema(_ name: String, _ list: String, of element: Schema, next: Schema) -> Schema {
    .named(
      name,
      .object([
        .init(list, .array(element, limit: Int(limit)), "What was found."),
        .init("next", next, "What to ask for the next page after, if there is one.", isOptional: true),
      ]))
  }

  /// How many the caller wants.
  static func count(_ call: Call) -> Int {
    guard case .integer(let wanted) = call.parameters["limit"] else { return Int(limit) }
    return Int(wanted)
  }

  /// One page. `fetch` is asked for one more than the page has, which tells whether there is another page.
  static func page<Element>(
    _ call: Call, _ list: String, next: (Element) -> JSON, document: (Element) -> JSON,
    fetch: (_ limit: Int) async throws -> [Element]
  ) async throws -> Reply {
    let count = count(call)
    let found = try await fetch(count + 1)
    let page = found.prefix(count)
    var members: [String: JSON] = [list: .array(page.map(document))]
    if found.count > page.count, let last = page.last { members["next"] = next(last) }
    return .json(.object(members))
  }
}

extension Call {
  /// Behind what the page begins, if it was said.
  func after<Value>(_ make: (String) -> Value?) throws(Problem) -> Value? {
    guard let text = parameters["after"] else { return nil }
    return try text.spelled(make)
  }

  /// Behind which number the page begins; 0 for the first one.
  var afterNumber: Int64 {
    guard case .integer(let number) = parameters["after"] else { return 0 }
    return number
  }
}
