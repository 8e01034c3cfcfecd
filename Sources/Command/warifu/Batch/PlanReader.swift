/// Reads the members of a plan, and names the line and the field of whatever is wrong.
///
/// A member that nobody asked for is a mistake: it was meant to do something.
struct PlanReader {
  private let file: String
  private let path: String
  private let line: Int
  private let members: [String: LocatedJSON]
  private var asked: Set<String> = []

  /// The members of an object at `path`.
  init(_ json: LocatedJSON, at path: String, in file: String) throws {
    guard case .object(let members) = json.value else {
      throw PlanReader.failure(file, json.line, path, "it must be an object in { }")
    }
    (self.file, self.path, self.members, line) = (file, path, members, json.line)
  }

  /// A text of 1 to `limit` characters.
  mutating func text(_ name: String, limit: Int = 1024) throws -> String? {
    guard let member = take(name) else { return nil }
    guard case .text(let text) = member.value, (1...limit).contains(text.count), !Failure.hasControls(text) else {
      throw failure(name, "it must be a text of 1 to \(limit) characters")
    }
    return text
  }

  /// A number within a range.
  mutating func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    guard let member = take(name) else { return nil }
    guard case .number(let number) = member.value, range.contains(number) else {
      throw failure(name, "it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Whether something is so; not if it is not said.
  mutating func truth(_ name: String) throws -> Bool {
    guard let member = take(name) else { return false }
    guard case .truth(let truth) = member.value else { throw failure(name, "it must be true or false") }
    return truth
  }

  /// A row of numbers within a range.
  mutating func numbers(_ name: String, _ range: ClosedRange<Int>) throws -> [Int]? {
    guard let member = take(name) else { return nil }
    guard case .array(let elements) = member.value else { throw failure(name, "it must be a list in [ ]") }
    return try elements.map { element in
      guard case .number(let number) = element.value, range.contains(number) else {
        throw failure(name, "each must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
  }

  /// A row of objects.
  mutating func objects(_ name: String) throws -> [PlanReader]? {
    guard let member = take(name) else { return nil }
    guard case .array(let elements) = member.value else { throw failure(name, "it must be a list in [ ]") }
    return try elements.enumerated().map { index, element in
      try PlanReader(element, at: "\(field(name))[\(index)]", in: file)
    }
  }

  /// One object.
  mutating func object(_ name: String) throws -> PlanReader? {
    try take(name).map { try PlanReader($0, at: field(name), in: file) }
  }

  /// What must be there.
  func require<T>(_ value: T?, _ name: String) throws -> T {
    guard let value else { throw PlanReader.failure(file, line, field(name), "it is missing") }
    return value
  }

  /// Everything has been asked for.
  func end() throws {
    guard let stray = members.keys.filter({ !asked.contains($0) }).sorted().first else { return }
    throw failure(stray, "there is no such field here; known are \(asked.sorted().joined(separator: ", "))")
  }

  /// A mistake in one member.
  func failure(_ name: String, _ reason: String) -> Failure {
    PlanReader.failure(file, members[name]?.line ?? line, field(name), reason)
  }

  /// A mistake, with its place.
  static func failure(_ file: String, _ line: Int, _ field: String, _ reason: String) -> Failure {
    Failure(.badInput, "\(file), line \(line)\(field.isEmpty ? "" : ", \(field)")", remedy: reason)
  }

  private mutating func take(_ name: String) -> LocatedJSON? {
    asked.insert(name)
    return members[name]
  }

  private func field(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
