/// Forgetting for good.
extension KeyValueStore {
  /// Leaves nothing in the flash of what was removed or replaced: moves every live value to fresh pages and erases all
  /// others. An open batch is abandoned.
  ///
  /// It changes no value, and a power cut in it does no harm, as it is compaction all along; but then something may be left,
  /// and only another scrub takes it away.
  ///
  /// - Throws: ``StoreError/full`` when the live values leave no room to move them, ``StoreError/failed``.
  public func scrub() throws(StoreError) {
    abandon()
    guard !log.isBroken else { throw .failed }
    guard log.headSequence > 0 else { return }
    try settle()
    try makeFreePages()
    let last = log.headSequence
    try openPage()
    while log.tailSequence <= last { try compactOldestPage() }
    // What the pages held must be elsewhere, durably, before they go.
    try syncFlash()
    for page in 0..<geometry.pageCount where log.sequences[page] == 0 {
      do { try flash.erase(page: page) } catch { throw fail() }
    }
    do { try flash.sync() } catch { throw fail() }
  }
}
