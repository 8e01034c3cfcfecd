import Formats
import Octets

/// Something about a system that the centre may ask for (C10). The numbers stand in records: never reuse one.
public enum ConfigurationItem: UInt8, Hashable, Sendable, CaseIterable {
  /// What tells the host from others, as the system gives it.
  case hostID = 1
  /// The operating system and its version.
  case operatingSystem = 2
  /// The kind of processor.
  case architecture = 3
  /// The version of the program that asks.
  case programVersion = 4
  /// The serial number of its drive.
  case driveSerial = 5
  /// The id of the medium in it.
  case mediumID = 6

  /// The items of these numbers; `nil` unless they ascend and each is known.
  static func list(_ numbers: [UInt8]) -> [ConfigurationItem]? {
    let items = numbers.compactMap(ConfigurationItem.init)
    guard items.count == numbers.count, zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    return items
  }
}

/// What a client tells of its system (C10, C11): a value for each item that was asked for.
public struct ConfigurationData: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 512
  /// Octets that a value may have.
  public static let valueOctets = 1...64
  private static let subject = "configuration data"

  /// The values.
  public let values: [ConfigurationItem: [UInt8]]

  /// Configuration data; none by default.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for an empty value, or one of more than 64 octets.
  public init(_ values: [ConfigurationItem: [UInt8]] = [:]) throws(FormatError) {
    for value in values.values where !ConfigurationData.valueOctets.contains(value.count) {
      throw FormatError(.invalid, ConfigurationData.subject)
    }
    self.values = values
  }

  /// The record: the items in ascending order.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.configuration)
    for (item, value) in values.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      writer.put(.configurationItem, item.rawValue)
      writer.put(.configurationValue, value)
    }
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let subject = ConfigurationData.subject
    var reader = try RecordReader(
      octets, .configuration, limit: ConfigurationData.maximumOctetCount, subject: subject)
    var values: [ConfigurationItem: [UInt8]] = [:]
    var last: UInt8 = 0
    while !reader.isAtEnd {
      let item = try reader.value(.configurationItem, 1...1, "item") { $0.first.flatMap(ConfigurationItem.init) }
      guard item.rawValue > last else { throw FormatError(.notCanonical, subject) }
      last = item.rawValue
      values[item] = try reader.take(.configurationValue, ConfigurationData.valueOctets, "value")
    }
    self.values = values
  }
}
