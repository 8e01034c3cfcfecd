import Foundation

/// A JSON value (RFC 8259).
public indirect enum JSON: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without a fraction that 64 bits hold.
  case integer(Int64)
  /// Any other number.
  case number(Double)
  /// A string.
  case text(String)
  /// An array.
  case array([JSON])
  /// An object; of two members of one name the later counts.
  case object([String: JSON])

  /// The member of this name, if this is an object that has it.
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .text(value) }
  /// `true` or `false`.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A number.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// An array.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// An object.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}

extension JSON: Decodable {
  /// Reads a text; `nil` unless all of it is one JSON value, nested at most as deeply as Foundation reads.
  public init?(parsing octets: [UInt8]) {
    guard let value = try? JSONDecoder().decode(JSON.self, from: Data(octets)) else { return nil }
    self = value
  }

  /// Reads any value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSON].self))
    }
  }
}

extension JSON {
  /// The text: members by name, nothing between values.
  public var encoded: [UInt8] {
    var octets: [UInt8] = []
    encode(into: &octets)
    return octets
  }

  private func encode(into octets: inout [UInt8]) {
    switch self {
    case .null: octets.append(contentsOf: "null".utf8)
    case .bool(let value): octets.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): octets.append(contentsOf: String(value).utf8)
    // JSON has no word for infinity.
    case .number(let value): octets.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
    case .text(let value): JSON.encode(value, into: &octets)
    case .array(let elements):
      octets.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { octets.append(UInt8(ascii: ",")) }
        element.encode(into: &octets)
      }
      octets.append(UInt8(ascii: "]"))
    case .object(let members):
      octets.append(UInt8(ascii: "{"))
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { octets.append(UInt8(ascii: ",")) }
        JSON.encode(member.key, into: &octets)
        octets.append(UInt8(ascii: ":"))
        member.value.encode(into: &octets)
      }
      octets.append(UInt8(ascii: "}"))
    }
  }

  private static func encode(_ text: String, into octets: inout [UInt8]) {
    octets.append(UInt8(ascii: "\""))
    defer { octets.append(UInt8(ascii: "\"")) }
    var text = text
    let isPlain = text.withUTF8 { characters in
      guard characters.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) else {
        return false
      }
      octets.append(contentsOf: characters)
      return true
    }
    if isPlain { return }
    for octet in text.utf8 {
      switch octet {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): octets += [UInt8(ascii: "\\"), octet]
      case 0..<0x20: octets.append(contentsOf: ("\\u00" + (octet < 16 ? "0" : "") + String(octet, radix: 16)).utf8)
      default: octets.append(octet)
      }
    }
  }
}
