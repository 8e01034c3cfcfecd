import Cryptography
import DiscDriver
import Dispatch
import Synchronization

/// Reads a file of a master disc ahead of whoever writes it on, and computes its digest on the way: one thread reads and
/// digests while the other writes, at constant memory.
///
/// For one thread; dropping the value ends the other.
struct ReadAhead: ~Copyable {
  private let reading: Reading

  /// Starts reading `file`.
  init(_ file: MasterDisc.File, of disc: MasterDisc) {
    let reading = Reading(file, disc)
    self.reading = reading
    DispatchQueue(label: "warifu.read-ahead", qos: .userInitiated).async { reading.run() }
  }

  deinit { reading.stop() }

  /// The next piece, a whole segment but for the last; valid until the next call. `nil` after the end.
  func next() throws(MasterDiscError) -> UnsafeRawBufferPointer? { try reading.next() }

  /// The digest of everything, once ``next()`` has answered `nil`.
  consuming func digest() -> [UInt8] { reading.digest }
}

/// One piece on its way from the reading thread to the caller.
///
/// An object each, because the octets of an array's elements belong to the array: two threads at two elements of one are
/// two threads at one value.
private final class Slot {
  let buffer = SegmentBuffer()
  /// How many octets were read. None, or a failure, is the last.
  var outcome: Result<Int, MasterDiscError> = .success(0)
}

/// What both threads see.
///
/// Sendable, because a slot has one owner at a time: the reading thread while it is free, the caller while it is filled.
/// The semaphores that hand a slot over put the accesses in order, too. All else that changes is one thread's alone, or
/// written before the last slot is handed over.
private final class Reading: @unchecked Sendable {
  private static let slotCount = 4

  private let file: MasterDisc.File
  private let disc: MasterDisc
  private let slots = (0..<slotCount).map { _ in Slot() }
  // A semaphore must not go with a lower value than it was made with, so none starts above 0.
  private let free = DispatchSemaphore(value: 0)
  private let filled = DispatchSemaphore(value: 0)
  private let ended = DispatchSemaphore(value: 0)
  private let isStopped = Atomic(false)
  /// The caller's alone: the slot it has or gets next, and whether it has it.
  private var position = 0
  private var hasSlot = false
  /// Set before the last slot is filled.
  private(set) var digest: [UInt8] = []

  init(_ file: MasterDisc.File, _ disc: MasterDisc) {
    self.file = file
    self.disc = disc
    for _ in slots { free.signal() }
  }

  // MARK: The reading thread

  func run() {
    var hasher = PieceDigest()
    var done: UInt64 = 0
    var index = 0
    while takeFreeSlot() {
      let slot = slots[index]
      let outcome = read(at: done, into: slot.buffer.octets)
      slot.outcome = outcome
      guard case .success(let count) = outcome, count > 0 else { break }
      hasher.update(UnsafeRawBufferPointer(rebasing: slot.buffer.octets[..<count]))
      filled.signal()
      done += UInt64(count)
      index = (index + 1) % Reading.slotCount
    }
    digest = hasher.finalize()
    filled.signal()
    ended.signal()
  }

  private func takeFreeSlot() -> Bool {
    free.wait()
    return !isStopped.load(ordering: .acquiring)
  }

  private func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Result<Int, MasterDiscError> {
    do { return .success(try disc.read(file, at: offset, into: buffer)) } catch { return .failure(error) }
  }

  // MARK: The caller's thread

  func next() throws(MasterDiscError) -> UnsafeRawBufferPointer? {
    if hasSlot {
      position = (position + 1) % Reading.slotCount
      free.signal()
    }
    filled.wait()
    hasSlot = true
    let slot = slots[position]
    let count = try slot.outcome.get()
    return count == 0 ? nil : UnsafeRawBufferPointer(rebasing: slot.buffer.octets[..<count])
  }

  /// Returns when the reading thread touches nothing any more.
  func stop() {
    isStopped.store(true, ordering: .releasing)
    free.signal()
    ended.wait()
  }
}
