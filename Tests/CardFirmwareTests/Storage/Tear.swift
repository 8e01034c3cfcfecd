import TestSupport

/// What a power cut makes of the operation it hits.
enum Tear: CaseIterable {
  /// It never began.
  case untouched
  /// It was finished.
  case done
  /// Some bits (of a page: some words) are done, for good.
  case partial
  /// It reads as if it had never begun, and differently at every power-on.
  case looksUntouched
  /// It reads as if it was finished, and differently at every power-on.
  case looksDone
}

/// A word that a cut tore: what it was, what it was to be, and that it may read as any mixture of both.
struct TornWord {
  let old: [UInt8]
  let new: [UInt8]
  /// A programmed word that was being overwritten never reads as before again once it changed.
  let isOverwrite: Bool

  /// What it reads as at this power-on.
  func reading(_ chance: inout Randomness) -> [UInt8] {
    switch Int.random(in: 0..<4, using: &chance.generator) {
    case 0 where !isOverwrite: old
    case 1: new
    default: mixture(&chance)
    }
  }

  /// Some of the bits changed.
  func mixture(_ chance: inout Randomness) -> [UInt8] {
    var mixed = old
    for index in old.indices {
      let taken = UInt8.random(in: 0...255, using: &chance.generator)
      mixed[index] = old[index] & ~taken | new[index] & taken
    }
    return isOverwrite && mixed == old ? new : mixed
  }
}
