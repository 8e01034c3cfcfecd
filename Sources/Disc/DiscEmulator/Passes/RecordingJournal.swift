import DriveFirmware
import SCSI

/// What was done to a medium, in order, with the moments at which it was made lasting.
///
/// From the surface as it was at the beginning, ``replay(_:order:onto:)`` makes the surface as it was when
/// power failed after any step.
public struct RecordingJournal: Sendable {
  /// One event.
  public enum Entry: Sendable {
    /// Blocks were written.
    case write(BlockRange, [UInt8])
    /// Blocks were erased.
    case erase(BlockRange)
    /// A block was moved to a spare sector.
    case reassign(UInt64)
    /// The medium was formatted.
    case format(FormatRequest)
    /// SYNCHRONIZE CACHE: everything before is lasting.
    case synchronization

    /// Whether the cache may hold it back. The others wait for all before them, and nothing overtakes them.
    var isCached: Bool { blocks != nil }

    /// The blocks that it changes, if it is a matter of blocks.
    fileprivate var blocks: BlockRange? {
      switch self {
      case .write(let range, _), .erase(let range): range
      case .reassign, .format, .synchronization: nil
      }
    }

    /// Steps that it takes on a medium of so many blocks.
    func stepCount(blockCount: UInt32) -> Int {
      switch self {
      case .write(let range, _): Int(range.count) * PassMedium.stepsPerSector
      case .erase(let range): Int(range.count)
      case .reassign: PassMedium.stepsPerSector + PassMedium.stepsPerDefectList
      case .format: Int(blockCount) * PassMedium.stepsPerSector + 2 * PassMedium.stepsPerDefectList
      case .synchronization: 0
      }
    }
  }

  /// In which order a drive's cache lets operations go that nothing has made lasting yet.
  public enum Order: Hashable, Sendable {
    /// As they came.
    case asIssued
    /// Drawn by lot between two synchronisations; operations that share a block stay in order.
    case shuffled(seed: UInt64)
  }

  /// What happened, the oldest first.
  public private(set) var entries: [Entry] = []

  /// Blocks of the medium.
  private let blockCount: UInt32

  /// An empty journal of a medium of this layout.
  public init(_ geometry: MediumGeometry) { blockCount = geometry.blockCount }

  /// Steps that all operations take together.
  public var stepCount: Int { entries.reduce(0) { $0 + $1.stepCount(blockCount: blockCount) } }

  /// What nothing has made lasting yet.
  public var unflushed: [Entry] {
    let last = entries.lastIndex { !$0.isCached }
    return Array(entries[(last.map { $0 + 1 } ?? 0)...])
  }

  /// Makes the first `steps` steps of the journal on a surface that is as the first one was at the beginning.
  ///
  /// With a shuffled order this is power failing when a cache had let some of its operations go, the last one perhaps in
  /// part, and others, issued earlier, not.
  public func replay(_ steps: Int, order: Order = .asIssued, onto surface: any RecordingSurface) throws(MediumError) {
    let medium = PassMedium(surface)
    medium.cutPower(after: steps)
    for entry in operations(in: order) {
      do throws(MediumError) {
        try medium.perform(entry)
      } catch {
        guard error == .powerLost else { throw error }
        return
      }
    }
  }

  mutating func append(_ entry: Entry) { entries.append(entry) }

  /// All operations as the cache lets them go.
  private func operations(in order: Order) -> [Entry] {
    var lot: SplitMix?
    if case .shuffled(let seed) = order { lot = SplitMix(state: seed) }
    var done: [Entry] = []
    var waiting: [(BlockRange, Entry)] = []
    for entry in entries {
      if let blocks = entry.blocks {
        waiting.append((blocks, entry))
      } else {
        RecordingJournal.flush(&waiting, into: &done, &lot)
        done.append(entry)
      }
    }
    RecordingJournal.flush(&waiting, into: &done, &lot)
    return done
  }

  private static func flush(
    _ waiting: inout [(BlockRange, Entry)], into done: inout [Entry], _ lot: inout SplitMix?
  ) {
    while !waiting.isEmpty {
      let free = waiting.indices.filter { index in
        !waiting[..<index].contains { $0.0.overlaps(waiting[index].0) }
      }
      let choice = lot?.draw(below: free.count) ?? 0
      done.append(waiting.remove(at: free[choice]).1)
    }
  }
}

extension PassMedium {
  /// Does again what a journal tells.
  fileprivate func perform(_ entry: RecordingJournal.Entry) throws(MediumError) {
    switch entry {
    case .write(let range, let data): try write(range, from: data.span.bytes)
    case .erase(let range): try erase(range)
    case .reassign(let block): try reassign(block)
    case .format(let request): try format(request)
    case .synchronization: try synchronize()
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): the same lot from the same seed, for orders of tests only.
private struct SplitMix: Sendable {
  var state: UInt64

  mutating func draw(below count: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    return Int(z % UInt64(max(count, 1)))
  }
}
