import CLinux
import CardFirmware
import Glibc
import Octets

/// The card's flash in memory, with or without a file behind it, and with a fault plan over it.
///
/// The memory is a private mapping of one shared erased image, so that pages nobody wrote cost nothing: a thousand
/// cards share them.
final class EmulatedFlash: FlashMemory {
  let geometry: FlashGeometry
  private let memory: UnsafeMutableRawBufferPointer
  private let start: UnsafeMutableRawPointer
  private let file: CardStateFile?
  /// Pages that are this card's own, to be wiped at the end.
  private var touched: [Bool]
  private(set) var faults: StorageFaults

  /// Flash of the file, or erased flash that lives in memory alone. A rehearsal reads the file and never writes it.
  init(
    geometry: FlashGeometry, file: CardStateFile?, isRehearsal: Bool = false, faults: StorageFaults = StorageFaults()
  ) throws(CardStateError) {
    self.geometry = geometry
    self.file = isRehearsal ? nil : file
    self.faults = faults
    touched = [Bool](repeating: false, count: geometry.pageCount)
    do {
      start = try ErasedImage.map(octets: geometry.octets)
    } catch {
      throw CardStateError(.storage, file?.path ?? "memory", "no memory: " + String(cString: strerror(error.code)))
    }
    memory = UnsafeMutableRawBufferPointer(start: start, count: geometry.octets)
    try file?.readFlash(into: memory) { touched[$0] = true }
  }

  deinit {
    for page in touched.indices where touched[page] {
      warifu_wipe(start + page * geometry.pageSize, geometry.pageSize)
    }
    munmap(start, geometry.octets)
  }

  /// Gives up what nobody wrote: reading it took no memory of its own, but makes it count as this process's.
  func forgetUntouched() {
    var page = 0
    while page < geometry.pageCount {
      let first = page
      while page < geometry.pageCount, !touched[page] { page += 1 }
      if page > first { madvise(start + first * geometry.pageSize, (page - first) * geometry.pageSize, MADV_DONTNEED) }
      page += 1
    }
  }

  var base: UnsafeRawPointer { UnsafeRawPointer(start) }

  func program(at offset: Int, _ words: RawSpan) throws(FlashError) {
    let count = words.byteCount
    guard offset >= 0, count > 0, count <= memory.count - offset else { throw .outOfRange }
    var done = 0
    while done < count {
      let position = offset + done
      let part = min(count - done, geometry.pageSize - position % geometry.pageSize)
      try programWithinPage(at: position, words.extracting(done..<(done + part)))
      done += part
    }
  }

  func erase(page: Int) throws(FlashError) {
    guard page >= 0, page < geometry.pageCount else { throw .outOfRange }
    let first = page * geometry.pageSize
    let whole = faults.admit(geometry.pageSize)
    for index in 0..<whole { memory[first + index] = 0xFF }
    try persist(first, geometry.pageSize)
    guard whole == geometry.pageSize else { throw .powerLost }
  }

  func sync() throws(FlashError) {
    guard !faults.isDark else { throw .powerLost }
    do { try file?.sync() } catch { throw .failed }
  }

  /// Brings the memory back to what the file holds: where a write failed, it was ahead of the file. Without a file there
  /// is nothing that it could differ from.
  func reload() throws(CardStateError) {
    guard let file else { return }
    for page in touched.indices where touched[page] {
      (start + page * geometry.pageSize).initializeMemory(as: UInt8.self, repeating: 0xFF, count: geometry.pageSize)
      touched[page] = false
    }
    try file.readFlash(into: memory) { touched[$0] = true }
    forgetUntouched()
  }

  /// Arms another plan.
  func plan(_ faults: StorageFaults) { self.faults = faults }

  private func programWithinPage(at position: Int, _ words: RawSpan) throws(FlashError) {
    let admitted = faults.admit(words.byteCount)
    words.withUnsafeBytes { source in
      // Flash can only clear bits: what is there stays cleared.
      for index in 0..<admitted { memory[position + index] &= source[index] }
    }
    if admitted > 0 { try persist(position, words.byteCount) }
    guard admitted == words.byteCount else { throw .powerLost }
  }

  private func persist(_ offset: Int, _ count: Int) throws(FlashError) {
    touched[offset / geometry.pageSize] = true
    guard faults.admitWrite() else { throw .failed }
    do {
      try file?.writeFlash(UnsafeRawBufferPointer(memory), offset: offset, count: count)
    } catch {
      throw .failed
    }
  }
}

/// When the power, or the host's disk, fails, counted in program and erase operations from now on.
public struct StorageFaults: Sendable, Hashable {
  /// Operations that still succeed; `nil` for all of them.
  public var operationsLeft: Int?
  /// Octets of the failing operation that still reach the flash; the rest is as it was (program) or not erased.
  public var tornOctets: Int
  /// Operations that the host's disk still takes; `nil` for all of them. The ones after it are refused, as by a full disk.
  public var writesLeft: Int?
  /// Whether the power has failed.
  public private(set) var isDark = false
  /// Operations since the plan was armed.
  public private(set) var operations = 0

  /// A plan; without arguments nothing fails.
  public init(cutAfter operationsLeft: Int? = nil, tornOctets: Int = 0) {
    self.operationsLeft = operationsLeft
    self.tornOctets = tornOctets
  }

  /// A plan by which the host refuses to write, until another plan is armed.
  public init(refuseAfter writesLeft: Int) {
    self.init()
    self.writesLeft = writesLeft
  }

  /// Whether the host takes the next operation.
  mutating func admitWrite() -> Bool {
    guard let left = writesLeft else { return true }
    writesLeft = max(0, left - 1)
    return left > 0
  }

  /// How many of `octets` the next operation writes.
  mutating func admit(_ octets: Int) -> Int {
    guard !isDark else { return 0 }
    operations += 1
    guard let left = operationsLeft else { return octets }
    if left > 0 {
      operationsLeft = left - 1
      return octets
    }
    isDark = true
    return min(max(tornOctets, 0), octets - 1)
  }
}

/// One memory file of 0xFF for the whole process.
private enum ErasedImage {
  static let octets = 16_777_216

  /// Why the system has none to give.
  struct Failure: Error {
    let code: Int32

    init(code: Int32 = errno) { self.code = code }
  }

  /// Made once.
  private static let descriptor: Result<Int32, Failure> = {
    let descriptor = warifu_memfd_create("warifu-erased-flash")
    guard descriptor >= 0 else { return .failure(Failure()) }
    let piece = [UInt8](repeating: 0xFF, count: 65_536)
    for offset in stride(from: 0, to: octets, by: piece.count)
    where pwrite(descriptor, piece, piece.count, off_t(offset)) != piece.count { return .failure(Failure()) }
    return warifu_seal(descriptor) == 0 ? .success(descriptor) : .failure(Failure())
  }()

  /// A private mapping of `count` octets, all 0xFF; at most ``octets``.
  static func map(octets count: Int) throws(Failure) -> UnsafeMutableRawPointer {
    guard count <= octets else { throw Failure(code: ENOMEM) }
    let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE, try descriptor.get(), 0)
    guard let base, base != MAP_FAILED else { throw Failure() }
    madvise(base, count, MADV_DONTDUMP)
    return base
  }
}
