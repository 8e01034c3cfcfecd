/// Why a text is no plan of faults.
public struct LineFaultsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what would be right, a sentence for people.
  public let description: String

  init(_ description: String) { self.description = description }
}

extension LineFaults {
  /// Reads a plan, as the type's documentation tells it.
  ///
  /// - Throws: ``LineFaultsError`` that names the first item which is wrong.
  public init(parsing text: String) throws(LineFaultsError) {
    self.init()
    var cut: Int?
    var torn: Int?
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let item = Item(item)
      switch item.name {
      case "cut-after":
        try item.refuseOccasion()
        cut = try item.number(cut, in: 0...1_000_000_000)
      case "tear":
        try item.refuseOccasion()
        torn = try item.number(torn, in: 0...1_048_576)
      default: rules.append(Rule(try item.fault(), try item.occasion()))
      }
    }
    if let cut {
      storage = StorageFaults(cutAfter: cut, tornOctets: torn ?? 0)
    } else if torn != nil {
      throw LineFaultsError("'tear' says how a cut ends, and there is none; add cut-after=N.")
    }
  }

  /// `NAME`, `NAME=VALUE`, `NAME@WHEN` or `NAME=VALUE@WHEN`.
  private struct Item {
    let text: Substring
    let name: Substring
    let value: Substring?
    let when: Substring?

    init(_ text: Substring) {
      self.text = text
      let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
      let parts = halves[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      name = parts[0]
      value = parts.count > 1 ? parts[1] : nil
      when = halves.count > 1 ? halves[1] : nil
    }

    func fault() throws(LineFaultsError) -> Fault {
      switch name {
      case "delay": return .delay(try duration())
      case "truncate": return .truncate(octets: value == nil ? 1 : try number(nil, in: 1...65_535))
      case "wrong-mac":
        try refuseValue()
        return .wrongMAC
      case "hang":
        try refuseValue()
        return .hang
      case "pull":
        try refuseValue()
        return .pull
      default:
        throw LineFaultsError(
          "'\(text)' is no fault; there are cut-after=N, tear=N, delay=TIME@WHEN, truncate@WHEN, wrong-mac@WHEN, "
            + "hang@WHEN and pull@WHEN.")
      }
    }

    /// WHEN.
    func occasion() throws(LineFaultsError) -> Occasion {
      guard let when else {
        throw LineFaultsError("'\(text)' does not say when; add @3 for the third response, @*/3 for every third.")
      }
      let isEvery = when.hasPrefix("*/")
      guard let number = Int(isEvery ? when.dropFirst(2) : when), number > 0 else {
        throw LineFaultsError(
          "'\(when)' in '\(text)' is no occasion; 3 is the third response, */3 every third, counted from 1.")
      }
      return isEvery ? .every(number) : .at(number)
    }

    func number(_ before: Int?, in range: ClosedRange<Int>) throws(LineFaultsError) -> Int {
      guard before == nil else { throw LineFaultsError("'\(name)' is there twice; give it once.") }
      guard let value, let number = Int(value), range.contains(number) else {
        throw LineFaultsError(
          "'\(text)' lacks its number; give '\(name)=' with one from \(range.lowerBound) to \(range.upperBound).")
      }
      return number
    }

    private func duration() throws(LineFaultsError) -> Duration {
      let units: [(Substring, Double)] = [("ms", 0.001), ("s", 1)]
      for (unit, scale) in units {
        guard let value, value.hasSuffix(unit), let number = Double(value.dropLast(unit.count)) else { continue }
        // NaN is in no range.
        guard (0...3_600).contains(number * scale) else { break }
        return .microseconds(Int64(number * scale * 1_000_000))
      }
      throw LineFaultsError("'\(text)' lacks its time; give it like delay=50ms@3 or delay=1.5s@*/2, an hour at most.")
    }

    func refuseOccasion() throws(LineFaultsError) {
      guard when == nil else {
        throw LineFaultsError("'\(text)' counts storage operations, not responses; leave '@\(when ?? "")' away.")
      }
    }

    private func refuseValue() throws(LineFaultsError) {
      guard value == nil else { throw LineFaultsError("'\(name)' takes no value; write '\(name)@\(when ?? "3")'.") }
    }
  }
}
