/// How the store divides a flash memory.
extension FlashGeometry {
  /// Pages that stay free for compaction.
  static let reservedPages = 2

  /// Whether a store can live here.
  var isPossible: Bool {
    (wordSize == 4 || wordSize == 8 || wordSize == 16) && pageSize >= 256 && pageSize.isMultiple(of: 16)
      && pageCount > FlashGeometry.reservedPages + 2 && pageCount <= 65_536
      && pageSize <= 1_048_576 && octets <= 1_073_741_824 && capacity > 0
  }

  /// Octets of a page head with its padding.
  var pageHeadOctets: Int { words(PageHead.octetCount) }

  /// Octets of a seal: two words of zeros.
  var sealOctets: Int { 2 * wordSize }

  /// Octets of the longest value: 1,024, or less on small pages.
  var maximumValueOctets: Int { min(1_024, (pageSize - pageHeadOctets) / 3 - RecordHead.octetCount) }

  /// Octets of the longest record.
  var maximumRecordOctets: Int { max(recordOctets(maximumValueOctets), trimOctets) }

  /// Octets of a record with a value of `length`.
  func recordOctets(_ length: Int) -> Int { words(RecordHead.octetCount + length) }

  /// Octets of a commit record with its seal.
  var commitOctets: Int { recordOctets(4) + sealOctets }

  /// Octets of a trim record with its seal.
  var trimOctets: Int { recordOctets(8) + sealOctets }

  /// What all live records together may take. The end of each page may be too short for the next record, and each page
  /// holds a trim record and a settled word at worst; of one page nothing but the beginning of a batch may be of use, and
  /// the newest one may be empty.
  var capacity: Int {
    let usable = pageSize - pageHeadOctets - maximumRecordOctets - trimOctets - 2 * wordSize
    return max(0, (pageCount - FlashGeometry.reservedPages - 2) * usable - removalSlack)
  }

  /// What a batch of removals may take beyond ``capacity``.
  var removalSlack: Int { (pageSize - pageHeadOctets) / 2 }

  /// Offset of a page.
  func pageStart(_ page: Int) -> Int { page * pageSize }

  /// Rounds up to whole words.
  func words(_ octets: Int) -> Int { (octets + wordSize - 1) / wordSize * wordSize }
}
