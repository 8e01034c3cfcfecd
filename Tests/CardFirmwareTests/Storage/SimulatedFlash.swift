import CardFirmware
import TestSupport

/// Flash in memory, with power cuts: each word programmed and each page erased is one operation, and any of them may be
/// the last one. It takes nothing that real flash would not.
final class SimulatedFlash: FlashMemory {
  /// Everything that outlives a power cut, to go back to.
  struct Snapshot {
    fileprivate let octets: [UInt8]
    fileprivate let torn: [Int: TornWord]
  }

  /// When and how the power fails.
  struct Cut {
    /// Operations that still happen before.
    var operations: Int
    var tear: Tear
  }

  private enum Change {
    case program(offset: Int, old: [UInt8], new: [UInt8])
    case erase(page: Int, old: [UInt8])
  }

  let geometry: FlashGeometry
  private let start: UnsafeMutableRawPointer
  private let memory: UnsafeMutableRawBufferPointer
  private var torn: [Int: TornWord] = [:]
  private var unsynced: [Change] = []
  private var chance: Randomness

  /// The cut to come.
  var cut: Cut?
  /// Whether a cut loses a random subset of what was done since the last sync, too.
  var losesUnsynced = false
  /// Looks on whenever something became durable.
  var onSync: ((Snapshot) -> Void)?
  /// Whether the power failed.
  private(set) var isOff = false
  /// Words programmed and pages erased so far.
  private(set) var operations = 0
  /// How often each page was erased.
  private(set) var erasures: [Int]
  /// What no flash would take: programming of words that are not erased.
  private(set) var violations = 0

  var base: UnsafeRawPointer { UnsafeRawPointer(start) }

  init(pageSize: Int, pageCount: Int, wordSize: Int, chance: Randomness) {
    geometry = FlashGeometry(pageSize: pageSize, pageCount: pageCount, wordSize: wordSize)
    start = .allocate(byteCount: pageSize * pageCount, alignment: 16)
    memory = UnsafeMutableRawBufferPointer(start: start, count: pageSize * pageCount)
    memory.initializeMemory(as: UInt8.self, repeating: 0xFF)
    erasures = Array(repeating: 0, count: pageCount)
    self.chance = chance
  }

  deinit { start.deallocate() }

  // MARK: The world outside

  /// The power comes back: torn words read as they like.
  func powerOn() {
    isOff = false
    cut = nil
    unsynced = []
    for (offset, word) in torn.sorted(by: { $0.key < $1.key }) { set(offset, word.reading(&chance)) }
  }

  var snapshot: Snapshot { Snapshot(octets: Array(memory), torn: torn) }

  func restore(_ snapshot: Snapshot) {
    memory.copyBytes(from: snapshot.octets)
    torn = snapshot.torn
    powerOn()
  }

  /// What it reads as.
  var image: [UInt8] {
    get { Array(memory) }
    set { memory.copyBytes(from: newValue) }
  }

  // MARK: FlashMemory

  func program(at offset: Int, _ words: RawSpan) throws(FlashError) {
    let size = geometry.wordSize
    guard offset >= 0, offset % size == 0, words.byteCount % size == 0, words.byteCount <= geometry.octets - offset
    else { throw .outOfRange }
    let octets = words.withUnsafeBytes { Array($0) }
    for start in stride(from: 0, to: octets.count, by: size) {
      try programWord(offset + start, Array(octets[start..<(start + size)]))
    }
  }

  func erase(page: Int) throws(FlashError) {
    guard (0..<geometry.pageCount).contains(page) else { throw .outOfRange }
    guard !isOff else { throw .powerLost }
    let range = pageRange(page)
    let old = Array(memory[range])
    let isCut = countDown()
    if isCut, let tear = cut?.tear {
      tearPage(page, old, tear)
      throw powerFails()
    }
    unsynced.append(.erase(page: page, old: old))
    fill(range)
    erasures[page] += 1
    operations += 1
  }

  func sync() throws(FlashError) {
    guard !isOff else { throw .powerLost }
    unsynced = []
    onSync?(snapshot)
  }

  // MARK: Inside

  private func programWord(_ offset: Int, _ new: [UInt8]) throws(FlashError) {
    guard !isOff else { throw .powerLost }
    let old = octets(offset)
    let isErased = old.allSatisfy { $0 == 0xFF } && torn[offset] == nil
    guard isErased || new.allSatisfy({ $0 == 0 }) else {
      violations += 1
      throw .failed
    }
    if countDown(), let tear = cut?.tear {
      tearWord(offset, TornWord(old: old, new: new, isOverwrite: !isErased), tear)
      throw powerFails()
    }
    unsynced.append(.program(offset: offset, old: old, new: new))
    torn[offset] = nil
    set(offset, new)
    operations += 1
  }

  /// Whether this operation is the one that the cut hits.
  private func countDown() -> Bool {
    guard let waiting = cut else { return false }
    guard waiting.operations > 0 else { return true }
    cut?.operations -= 1
    return false
  }

  private func powerFails() -> FlashError {
    isOff = true
    if losesUnsynced { loseSome() }
    return .powerLost
  }

  /// A word that was torn before stays what it was, but for zeros done.
  private func tearWord(_ offset: Int, _ word: TornWord, _ tear: Tear) {
    let before = torn[offset]
    switch tear {
    case .untouched: return
    case .done:
      torn[offset] = nil
      set(offset, word.new)
    case .partial:
      torn[offset] = nil
      set(offset, word.mixture(&chance))
    case .looksUntouched:
      // Overwriting leaves a word as it was for good, or changes it at once: see `FlashMemory`.
      if word.isOverwrite, before == nil { return }
      torn[offset] = TornWord(old: before?.old ?? word.old, new: word.new, isOverwrite: word.isOverwrite)
    case .looksDone:
      torn[offset] = TornWord(old: before?.old ?? word.old, new: word.new, isOverwrite: word.isOverwrite)
      set(offset, word.new)
    }
  }

  private func tearPage(_ page: Int, _ old: [UInt8], _ tear: Tear) {
    let range = pageRange(page)
    let size = geometry.wordSize
    guard tear != .untouched else { return }
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: size) { torn[offset] = nil }
    fill(range)
    guard tear != .done else { return }
    let erased = [UInt8](repeating: 0xFF, count: size)
    for start in stride(from: 0, to: old.count, by: size) {
      let word = TornWord(old: Array(old[start..<(start + size)]), new: erased, isOverwrite: false)
      let offset = range.lowerBound + start
      if tear == .partial { set(offset, word.reading(&chance)) } else { torn[offset] = word }
      if tear == .looksUntouched { set(offset, word.reading(&chance)) }
    }
  }

  /// Of what was not synced, a random subset never reached the memory.
  private func loseSome() {
    let tornBefore = torn
    for change in unsynced.reversed() {
      switch change {
      case .program(let offset, let old, _): set(offset, old)
      case .erase(let page, let old): memory[pageRange(page)].copyBytes(from: old)
      }
    }
    for change in unsynced where Bool.random(using: &chance.generator) {
      switch change {
      case .program(let offset, _, let new): set(offset, new)
      case .erase(let page, _): fill(pageRange(page))
      }
    }
    unsynced = []
    torn = tornBefore
  }

  private func pageRange(_ page: Int) -> Range<Int> {
    (page * geometry.pageSize)..<((page + 1) * geometry.pageSize)
  }

  private func octets(_ offset: Int) -> [UInt8] { Array(memory[offset..<(offset + geometry.wordSize)]) }

  private func set(_ offset: Int, _ word: [UInt8]) {
    for index in word.indices { memory[offset + index] = word[index] }
  }

  private func fill(_ range: Range<Int>) {
    for index in range {
      memory[index] = 0xFF
      if index % geometry.wordSize == 0 { torn[index] = nil }
    }
  }
}
