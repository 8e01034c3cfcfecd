import DriveFirmware
import SCSI

/// A plan of faults on its way: counts the operations on bad sectors and says which fail.
struct FaultSchedule: Sendable {
  private let rules: [MediumFaults.Rule]
  private let spares: UInt32?
  /// How often each rule's sectors were read, or written.
  private var times: [Int]

  init(_ faults: MediumFaults = MediumFaults()) {
    rules = faults.rules
    spares = faults.spares
    times = [Int](repeating: 0, count: rules.count)
  }

  /// Whether nothing is planned, so that operations need not ask here.
  var isEmpty: Bool { rules.isEmpty && spares == nil }

  /// What becomes of reading blocks.
  mutating func read(_ range: BlockRange, _ map: SectorMap) -> (unreadable: UInt64?, corrected: UInt64?) {
    let unreadable = struck(.unreadable, range, map).min()
    let corrected = struck(.corrected, range, map).min()
    return (unreadable, corrected)
  }

  /// The first block that cannot be written.
  mutating func write(_ range: BlockRange, _ map: SectorMap) -> UInt64? { struck(.unwritable, range, map).min() }

  /// The blocks that were written and do not verify.
  mutating func verifyWritten(_ range: BlockRange, _ map: SectorMap) -> Set<UInt64> {
    var blocks = struck(.defective, range, map)
    for (index, rule) in rules.enumerated()
    where rule.fault == .unreadable && rule.occasion.isLasting(after: times[index]) {
      blocks.formUnion(map.blocks(of: range, lyingOn: rule.blocks))
    }
    return blocks
  }

  /// Whether a block cannot be read now; counts as no operation.
  func isUnreadable(_ block: UInt64, _ map: SectorMap) -> Bool {
    rules.indices.contains { index in
      rules[index].fault == .unreadable && rules[index].occasion.isLasting(after: times[index])
        && !map.blocks(of: BlockRange(first: block, count: 1), lyingOn: rules[index].blocks).isEmpty
    }
  }

  /// The sectors that certification finds, by the blocks that lay on them when the disc was made.
  func certified(_ geometry: MediumGeometry) -> Set<UInt64> {
    var blocks: Set<UInt64> = []
    for (index, rule) in rules.enumerated()
    where rule.fault != .corrected && rule.occasion.isLasting(after: times[index]) {
      let all: ClosedRange<UInt64> = 0...UInt64(geometry.blockCount - 1)
      if rule.blocks.overlaps(all) { blocks.formUnion(rule.blocks.clamped(to: all)) }
    }
    return blocks
  }

  /// How many of the free spares can be used.
  func usableSpares(_ map: SectorMap) -> UInt32 {
    let used = map.geometry.spareCount - map.freeSpares
    let limit = spareLimit(map.geometry)
    return limit > used ? limit - used : 0
  }

  /// How many spares can be used altogether.
  func spareLimit(_ geometry: MediumGeometry) -> UInt32 { min(spares ?? geometry.spareCount, geometry.spareCount) }

  /// Counts an operation for each rule that it touches, and gathers the blocks that fail.
  private mutating func struck(
    _ fault: MediumFaults.Fault, _ range: BlockRange, _ map: SectorMap
  ) -> Set<UInt64> {
    var blocks: Set<UInt64> = []
    for (index, rule) in rules.enumerated() where rule.fault == fault {
      let touched = map.blocks(of: range, lyingOn: rule.blocks)
      guard !touched.isEmpty else { continue }
      times[index] += 1
      if rule.occasion.includes(times[index]) { blocks.formUnion(touched) }
    }
    return blocks
  }
}
