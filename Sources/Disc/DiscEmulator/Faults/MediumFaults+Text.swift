/// Why a text is no plan of faults for a disc.
public struct MediumFaultsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what would be right, a sentence for people.
  public let description: String

  init(_ description: String) { self.description = description }
}

extension MediumFaults {
  /// Reads a plan, as the type's documentation tells it.
  ///
  /// - Throws: ``MediumFaultsError`` that names the first item which is wrong.
  public init(parsing text: String) throws(MediumFaultsError) {
    self.init()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let item = Item(part)
      if item.name == "spares" {
        guard spares == nil else { throw MediumFaultsError("'spares' is there twice; give it once.") }
        spares = try item.spares()
      } else {
        rules.append(Rule(try item.fault(), try item.blocks(), try item.occasion()))
      }
    }
  }

  /// `NAME=VALUE` or `NAME=VALUE@WHEN`.
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

    func fault() throws(MediumFaultsError) -> Fault {
      switch name {
      case "unreadable": return .unreadable
      case "corrected": return .corrected
      case "defective": return .defective
      case "unwritable": return .unwritable
      default:
        throw MediumFaultsError(
          "'\(text)' is no fault; there are unreadable=BLOCKS, corrected=BLOCKS, defective=BLOCKS, unwritable=BLOCKS "
            + "and spares=N.")
      }
    }

    func blocks() throws(MediumFaultsError) -> ClosedRange<UInt64> {
      let ends = (value ?? "").split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = UInt64(ends[0]), let last = ends.count > 1 ? UInt64(ends[1]) : first, first <= last,
        last <= UInt64(UInt32.max)
      else {
        throw MediumFaultsError("'\(text)' lacks its blocks; give them like \(name)=1000 or \(name)=1000-1099.")
      }
      return first...last
    }

    /// WHEN.
    func occasion() throws(MediumFaultsError) -> Occasion {
      guard let when else { return .always }
      let isEvery = when.hasPrefix("*/")
      let isFrom = when.hasSuffix("+")
      guard let number = Int(when.dropFirst(isEvery ? 2 : 0).dropLast(isFrom ? 1 : 0)), number > 0,
        !(isEvery && isFrom)
      else {
        throw MediumFaultsError(
          "'\(when)' in '\(text)' is no occasion; 3 is the third time, */3 every third, 3+ from the third on, counted "
            + "from 1.")
      }
      return isEvery ? .every(number) : isFrom ? .from(number) : .at(number)
    }

    func spares() throws(MediumFaultsError) -> UInt32 {
      guard when == nil else { throw MediumFaultsError("'\(text)' is so all the time; leave '@\(when ?? "")' away.") }
      guard let value, let number = UInt32(value) else {
        throw MediumFaultsError("'\(text)' lacks its number; give it like spares=10, or spares=0 for none.")
      }
      return number
    }
  }
}
