/// The schema in the words of JSON Schema 2020-12, as OpenAPI 3.1 wants it.
extension Schema {
  /// The schema; one with a name is referred to.
  var document: JSON {
    if case .named(let name, _) = self { return ["$ref": .text("#/components/schemas/\(name)")] }
    return definition
  }

  /// The schema itself, at the place where it has its name.
  var definition: JSON {
    switch self {
    case .boolean: ["type": "boolean"]
    case .integer(let range):
      [
        "type": "integer", "format": "int64", "minimum": .integer(range.lowerBound),
        "maximum": .integer(range.upperBound),
      ]
    case .text(let kind): kind.document
    case .array(let element, let limit):
      ["type": "array", "items": element.document, "maxItems": .integer(Int64(limit))]
    case .object(let members):
      [
        "type": "object",
        "properties": .object(
          Dictionary(members.map { ($0.name, $0.document) }, uniquingKeysWith: { first, _ in first })),
        "required": .array(members.filter { !$0.isOptional }.map { .text($0.name) }),
        "additionalProperties": false,
      ]
    case .anything: ["type": "object"]
    case .named(_, let schema): schema.definition
    }
  }

  /// Every schema with a name in this one, this one included.
  var names: [String: Schema] {
    switch self {
    case .boolean, .integer, .text, .anything: [:]
    case .array(let element, _): element.names
    case .object(let members): members.reduce(into: [:]) { $0.merge($1.schema.names) { first, _ in first } }
    case .named(let name, let schema): schema.names.merging([name: schema]) { first, _ in first }
    }
  }
}

extension Schema.Member {
  fileprivate var document: JSON {
    // A reference may have words beside it since JSON Schema 2019-09.
    guard case .object(var document) = schema.document else { return schema.document }
    document["description"] = .text(summary)
    return .object(document)
  }
}

extension Schema.TextKind {
  fileprivate var document: JSON {
    switch self {
    case .hexadecimal(let prefix, let octets):
      [
        "type": "string",
        "pattern": .text("^\(prefix)([0-9A-Fa-f]{2}){\(octets.lowerBound),\(octets.upperBound)}$"),
        "minLength": .integer(Int64(prefix.count + 2 * octets.lowerBound)),
        "maxLength": .integer(Int64(prefix.count + 2 * octets.upperBound)),
      ]
    case .base64(let octets):
      [
        "type": "string", "contentEncoding": "base64", "pattern": .text(Schema.TextKind.pattern(base64: octets)),
        "minLength": .integer(Int64(Schema.TextKind.characters(base64: octets).lowerBound)),
        "maxLength": .integer(Int64(Schema.TextKind.characters(base64: octets).upperBound)),
      ]
    case .choice(let words): ["type": "string", "enum": .array(words.map { .text($0) })]
    case .capitals(let count):
      [
        "type": "string", "pattern": .text("^[A-Z]{\(count)}$"), "minLength": .integer(Int64(count)),
        "maxLength": .integer(Int64(count)),
      ]
    case .plain(let characters):
      [
        "type": "string", "pattern": #"^[^\u0000-\u001F\u007F-\u009F]*$"#,
        "minLength": .integer(Int64(characters.lowerBound)), "maxLength": .integer(Int64(characters.upperBound)),
      ]
    case .ascii(let octets):
      [
        "type": "string", "pattern": "^[ -~]*$", "minLength": .integer(Int64(octets.lowerBound)),
        "maxLength": .integer(Int64(octets.upperBound)),
      ]
    }
  }

  /// Bits that stand for no octet are 0.
  private static func pattern(base64 octets: ClosedRange<Int>) -> String {
    let (one, two) = ("[A-Za-z0-9+/][AQgw]==", "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=")
    guard octets.count == 1 else { return "^([A-Za-z0-9+/]{4})*(\(one)|\(two))?$" }
    let rest = ["", one, two][octets.lowerBound % 3]
    return "^([A-Za-z0-9+/]{4}){\(octets.lowerBound / 3)}\(rest)$"
  }
}
