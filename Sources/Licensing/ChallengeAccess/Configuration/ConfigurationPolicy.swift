import Formats
import Octets

/// Which configurations of a client's system are authorised (C10). What a policy names is asked for, and must be told.
public struct ConfigurationPolicy: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 16_384
  /// The most values that one item may list.
  public static let valueLimit = 32
  private static let subject = "configuration policy"

  /// What an item may be.
  public enum Rule: Hashable, Sendable {
    /// Anything, as long as it is told.
    case any
    /// One of these.
    case oneOf(Set<[UInt8]>)

    func allows(_ value: [UInt8]) -> Bool {
      switch self {
      case .any: true
      case .oneOf(let values): values.contains(value)
      }
    }
  }

  /// The rules.
  public let rules: [ConfigurationItem: Rule]

  /// Asks for nothing.
  public static let none = ConfigurationPolicy(checked: [:])

  /// A policy.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a list of no values or more than 32, or a value that no item can have.
  public init(_ rules: [ConfigurationItem: Rule]) throws(FormatError) {
    for case .oneOf(let values) in rules.values {
      guard (1...ConfigurationPolicy.valueLimit).contains(values.count),
        values.allSatisfy({ ConfigurationData.valueOctets.contains($0.count) })
      else { throw FormatError(.invalid, ConfigurationPolicy.subject) }
    }
    self.rules = rules
  }

  private init(checked rules: [ConfigurationItem: Rule]) { self.rules = rules }

  /// What is to be asked for, in ascending order.
  public var items: [ConfigurationItem] { rules.keys.sorted { $0.rawValue < $1.rawValue } }

  /// Why a system of this configuration is not authorised; `nil` for one that is.
  func objection(to configuration: ConfigurationData) -> AccessDenial? {
    for (item, rule) in rules {
      guard let value = configuration.values[item] else { return .configurationIncomplete }
      guard rule.allows(value) else { return .configurationUnauthorized }
    }
    return nil
  }

  /// The record: items in ascending order, each with its values in ascending order, and with none for ``Rule/any``.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.configurationPolicy)
    for item in items {
      writer.put(.configurationItem, item.rawValue)
      guard case .oneOf(let values) = rules[item] else {
        writer.put(.quantity, UInt8(0))
        continue
      }
      writer.put(.quantity, UInt8(clamping: values.count))
      for value in values.sorted(by: { $0.lexicographicallyPrecedes($1) }) { writer.put(.configurationValue, value) }
    }
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let subject = ConfigurationPolicy.subject
    var reader = try RecordReader(
      octets, .configurationPolicy, limit: ConfigurationPolicy.maximumOctetCount, subject: subject)
    var rules: [ConfigurationItem: Rule] = [:]
    while !reader.isAtEnd {
      let item = try reader.value(.configurationItem, 1...1, "item") { $0.first.flatMap(ConfigurationItem.init) }
      let count: UInt8 = try reader.integer(.quantity, "values")
      var values: Set<[UInt8]> = []
      for _ in 0..<count {
        values.insert(try reader.take(.configurationValue, ConfigurationData.valueOctets, "value"))
      }
      rules[item] = count == 0 ? .any : .oneOf(values)
    }
    try self.init(rules)
    guard encoded == octets.octets else { throw FormatError(.notCanonical, subject) }
  }
}
