import CardProtocol
import ISO7816
import Octets

/// Carried software (P24): files written over SCP03, each octet once, and read after the PIN.
extension Card {
  /// The head of a file: id (2) ‖ size (4) ‖ written (4) ‖ name.
  private struct FileHead {
    var size: UInt32
    var written: UInt32

    init(_ octets: RawSpan) throws(OctetError) {
      var reader = OctetReader(octets)
      _ = try reader.u16()
      size = try reader.u32()
      written = try reader.u32()
      guard written <= size, (1...32).contains(reader.remaining) else { throw .invalid }
    }
  }

  /// The slot of the file with this id.
  func fileSlot(_ identifier: UInt16) -> UInt16? {
    for slot in 0..<CardLayout.fileSlots {
      let found = store.withValue(CardLayout.fileHead(slot)) { (head) -> Bool in
        head.byteCount >= 2 && UInt16(head[octet: 0]) << 8 | UInt16(head[octet: 1]) == identifier
      }
      if found == true { return slot }
    }
    return nil
  }

  /// The size of the file in a slot, written or not.
  func fileSize(_ slot: UInt16) -> Int? {
    let head = store.withValue(CardLayout.fileHead(slot)) { (octets) -> FileHead? in try? FileHead(octets) }
    guard let head, let head else { return nil }
    return Int(head.size)
  }

  /// Whether there is a file of this id, size and name.
  func hasFile(_ description: RawSpan) -> Bool {
    guard (7...38).contains(description.byteCount) else { return false }
    for slot in 0..<CardLayout.fileSlots {
      let isSame = store.withValue(CardLayout.fileHead(slot)) { (head) -> Bool in
        head.byteCount == description.byteCount + 4
          && constantTimeEqual(head.extracting(0..<6), description.extracting(0..<6))
          && constantTimeEqual(head.extracting(10..<head.byteCount), description.extracting(6..<description.byteCount))
      }
      if isSame == true { return true }
    }
    return false
  }

  /// Adds a file, within a batch: id (2) ‖ size (4) ‖ name (1 to 32).
  func createFile(_ description: RawSpan) throws(StatusWord) {
    guard (7...38).contains(description.byteCount) else { throw .incorrectData }
    let (identifier, size) = try reading { () throws(OctetError) in
      var reader = OctetReader(description)
      return (try reader.u16(), try reader.u32())
    }
    guard size > 0, size <= UInt32(profile.fileOctets) else { throw .notEnoughMemory }
    guard !FileIdentifier.isReserved(identifier) else { throw .incorrectData }
    guard fileSlot(identifier) == nil else { throw .fileAlreadyExists }
    var free: UInt16?
    for slot in 0..<CardLayout.fileSlots where free == nil && !has(CardLayout.fileHead(slot)) { free = slot }
    guard let free else { throw .notEnoughMemory }
    record.wipe()
    try writing { () throws(OctetError) in
      try record.append(description.extracting(0..<6))
      try record.append(UInt32(0))
      try record.append(description.extracting(6..<description.byteCount))
    }
    try record.withBytes { (head) throws(StatusWord) in try put(CardLayout.fileHead(free), head) }
  }

  /// UPDATE BINARY: the offset is where the last write ended; anything before it stands for good.
  func updateBinary(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    try requireAdministration()
    let (slot, head) = try openFile(header)
    let offset = UInt32(header.p1p2)
    guard data.byteCount > 0 else { throw .wrongLength }
    guard offset >= head.written else { throw .conditionsNotSatisfied }
    guard offset == head.written, UInt32(data.byteCount) <= head.size - offset else { throw .wrongOffset }
    try atomicallyFilling { () throws(StatusWord) in
      try append(data, to: slot, at: Int(offset))
      try advance(slot, to: offset + UInt32(data.byteCount))
    }
  }

  /// Writes `data` in pieces; the first one joins what its piece holds already.
  private func append(_ data: RawSpan, to slot: UInt16, at offset: Int) throws(StatusWord) {
    var done = 0
    while done < data.byteCount {
      let position = offset + done
      let inside = position % CardLayout.filePieceOctets
      let part = min(CardLayout.filePieceOctets - inside, data.byteCount - done)
      let key = CardLayout.filePiece(slot: slot, piece: UInt16(position / CardLayout.filePieceOctets))
      record.wipe()
      try writing { () throws(OctetError) in
        if inside > 0 {
          _ = try store.withValue(key) { (old) throws(OctetError) in try record.append(old) }
          guard record.count == inside else { throw OctetError.invalid }
        }
        try record.append(data.extracting(done..<(done + part)))
      }
      try record.withBytes { (piece) throws(StatusWord) in try put(key, piece) }
      done += part
    }
  }

  private func advance(_ slot: UInt16, to written: UInt32) throws(StatusWord) {
    record.wipe()
    try writing { () throws(OctetError) in
      _ = try store.withValue(CardLayout.fileHead(slot)) { (head) throws(OctetError) in try record.append(head) }
      let count: InlineArray<4, UInt8> = [
        UInt8(truncatingIfNeeded: written >> 24), UInt8(truncatingIfNeeded: written >> 16),
        UInt8(truncatingIfNeeded: written >> 8), UInt8(truncatingIfNeeded: written),
      ]
      try record.replace(at: 6, with: count.span.bytes)
    }
    try record.withBytes { (head) throws(StatusWord) in try put(CardLayout.fileHead(slot), head) }
  }

  /// READ BINARY, up to Le octets or the end of what is written. EF.ATR/INFO is everybody's to read.
  func readBinary(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard data.byteCount == 0, let le = header.le else { throw .wrongLength }
    guard channels.current.file != .information else { return try readInformation(header, le) }
    try requirePIN()
    let (slot, head) = try openFile(header)
    var position = Int(header.p1p2)
    guard position < Int(head.written) else { throw .wrongOffset }
    let end = min(position + le, Int(head.written), position + answerRoom)
    while position < end {
      let inside = position % CardLayout.filePieceOctets
      let part = min(CardLayout.filePieceOctets - inside, end - position)
      let key = CardLayout.filePiece(slot: slot, piece: UInt16(position / CardLayout.filePieceOctets))
      let found = try store.withValue(key) { (piece) throws(StatusWord) -> Bool in
        guard piece.byteCount >= inside + part else { throw StatusWord.executionError }
        try writing { () throws(OctetError) in try output.append(piece.extracting(inside..<(inside + part))) }
        return true
      }
      guard found == true else { throw .executionError }
      position += part
    }
  }

  private func readInformation(_ header: CommandHeader, _ le: Int) throws(StatusWord) {
    guard header.p1 & 0x80 == 0 else { throw .incorrectP1P2 }
    let position = Int(header.p1p2)
    guard position < information.count else { throw .wrongOffset }
    let end = position + min(le, information.count - position)
    try writing { () throws(OctetError) in
      try information.withBytes { (content) throws(OctetError) in
        try output.append(content.extracting(position..<end))
      }
    }
  }

  private func openFile(_ header: CommandHeader) throws(StatusWord) -> (slot: UInt16, head: FileHead) {
    guard header.p1 & 0x80 == 0 else { throw .incorrectP1P2 }
    // Nobody writes EF.ATR/INFO.
    if channels.current.file == .information { throw .securityStatusNotSatisfied }
    guard case .carried(let slot) = channels.current.file else { throw .commandNotAllowed }
    let head = store.withValue(CardLayout.fileHead(slot)) { (octets) -> FileHead? in try? FileHead(octets) }
    guard let head, let head else { throw .fileNotFound }
    return (slot, head)
  }
}
