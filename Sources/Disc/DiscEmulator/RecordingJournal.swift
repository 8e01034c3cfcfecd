import DriveFirmware
import Octets
import SCSI

/// What was written to a medium, in order, with the moments at which it was made lasting.
///
/// From the surface as it was at the beginning, ``replay(_:order:onto:)`` makes the surface as it was when
/// power failed after any step.
public struct RecordingJournal: Sendable {
  /// One event.
  public enum Entry: Sendable {
    /// Blocks were written.
    case write(BlockRange, [UInt8])
    /// SYNCHRONIZE CACHE: everything before is lasting.
    case synchronization
  }

  /// In which order a drive's cache lets writes go that nothing has made lasting yet.
  public enum Order: Hashable, Sendable {
    /// As they came.
    case asIssued
    /// Drawn by lot between two synchronisations; writes that share a block stay in order.
    case shuffled(seed: UInt64)
  }

  /// What happened, the oldest first.
  public private(set) var entries: [Entry] = []

  /// An empty journal.
  public init() {}

  /// Steps that all writes take together.
  public var stepCount: Int {
    entries.reduce(0) { sum, entry in
      if case .write(let range, _) = entry { sum + Int(range.count) * PassMedium.stepsPerSector } else { sum }
    }
  }

  /// The writes that nothing has made lasting yet.
  public var unflushed: [Entry] {
    let last = entries.lastIndex { if case .synchronization = $0 { true } else { false } }
    return Array(entries[(last.map { $0 + 1 } ?? 0)...])
  }

  /// Makes the first `steps` steps of the journal on a surface that is as the first one was at the beginning.
  ///
  /// With a shuffled order this is power failing when a cache had let some of its writes go, the last one perhaps in part,
  /// and others, issued earlier, not.
  public func replay(_ steps: Int, order: Order = .asIssued, onto surface: any RecordingSurface) throws(MediumError) {
    let medium = PassMedium(surface)
    medium.cutPower(after: steps)
    for (range, data) in writes(in: order) {
      do throws(MediumError) {
        try medium.write(range, from: data.span.bytes)
      } catch {
        guard error == .powerLost else { throw error }
        return
      }
    }
  }

  mutating func append(_ range: BlockRange, _ data: RawSpan) {
    entries.append(.write(range, data.octets))
  }

  mutating func appendSynchronization() { entries.append(.synchronization) }

  /// All writes as the cache lets them go.
  private func writes(in order: Order) -> [(BlockRange, [UInt8])] {
    var lot: SplitMix?
    if case .shuffled(let seed) = order { lot = SplitMix(state: seed) }
    var done: [(BlockRange, [UInt8])] = []
    var waiting: [(BlockRange, [UInt8])] = []
    for entry in entries {
      switch entry {
      case .write(let range, let data): waiting.append((range, data))
      case .synchronization: RecordingJournal.flush(&waiting, into: &done, &lot)
      }
    }
    RecordingJournal.flush(&waiting, into: &done, &lot)
    return done
  }

  private static func flush(
    _ waiting: inout [(BlockRange, [UInt8])], into done: inout [(BlockRange, [UInt8])], _ lot: inout SplitMix?
  ) {
    while !waiting.isEmpty {
      let free = waiting.indices.filter { index in
        !waiting[..<index].contains { $0.0.overlaps(waiting[index].0) }
      }
      let choice = lot?.draw(below: free.count) ?? 0
      done.append(waiting.remove(at: free[choice]))
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
