import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// What a charge batch is to this card.
enum ChargeOutcome: Equatable {
  /// The next one, with so many codes.
  case new(count: UInt16)
  /// The last one once more: the stored receipt answers it.
  case repeated
}

/// Charging (P6): exactly once, whatever the line does.
extension Card {
  /// Number of the last charge and codes ever charged.
  var chargeCounter: (number: UInt32, total: UInt32) {
    let counter = store.withValue(CardLayout.chargeCounter) { (octets) -> (UInt32, UInt32)? in
      var reader = OctetReader(octets)
      guard let number = try? reader.u32(), let total = try? reader.u32() else { return nil }
      return (number, total)
    }
    guard let counter, let counter else { return (0, 0) }
    return (counter.0, counter.1)
  }

  /// Decides on a batch without changing anything. It reads every record, so that ``charge(_:)`` meets no surprise.
  ///
  /// - Throws: 6985 for any number but the next (or the last with the same digest), 6A84 when the codes do not fit, 6A88
  ///   when a generation key is not there, 6A80 for a malformed batch.
  func judgeCharge(_ batch: RawSpan) throws(StatusWord) -> ChargeOutcome {
    let (number, count) = try Card.batchHead(batch)
    let counter = chargeCounter
    if number == counter.number, try isLastCharge(batch) { return .repeated }
    guard counter.number < .max, number == counter.number + 1 else { throw .conditionsNotSatisfied }
    guard count <= profile.codeCapacity - codeCount else { throw .notEnoughMemory }
    var reader = OctetReader(batch)
    _ = try Card.take(ChargeBatch.headerOctets, of: &reader)
    for _ in 0..<count {
      let record = try Card.nextRecord(&reader)
      guard has(CardLayout.generationKey(record[octet: CardProtocol.codeOctets])) else { throw .referencedDataNotFound }
    }
    guard reader.isAtEnd else { throw .incorrectData }
    return .new(count: count)
  }

  /// Takes a judged batch, within a store batch: the codes, the counter and the receipt.
  func charge(_ batch: RawSpan) throws(StatusWord) {
    let (number, count) = try Card.batchHead(batch)
    var reader = OctetReader(batch)
    _ = try Card.take(ChargeBatch.headerOctets, of: &reader)
    var index: UInt16 = 0
    for _ in 0..<count {
      while index < profile.codeCapacity, has(CardLayout.code(index)) { index += 1 }
      try storeCode(try Card.nextRecord(&reader), at: index)
      index += 1
    }
    let (sum, overflow) = chargeCounter.total.addingReportingOverflow(UInt32(count))
    try storeReceipt(batch, number: number, count: count, total: overflow ? .max : sum)
  }

  private func storeCode(_ octets: RawSpan, at index: UInt16) throws(StatusWord) {
    guard index < profile.codeCapacity else { throw .notEnoughMemory }
    record.wipe()
    defer { record.wipe() }
    try writing { () throws(OctetError) in
      try record.append(CodeState.charged.rawValue)
      try record.append(octets)
    }
    try record.withBytes { (value) throws(StatusWord) in try put(CardLayout.code(index), value) }
  }

  /// number ‖ digest ‖ count ‖ total ‖ CMAC, and the counter beside it.
  private func storeReceipt(_ batch: RawSpan, number: UInt32, count: UInt16, total: UInt32) throws(StatusWord) {
    try prepareDerivedKeys()
    var digest = Block32(repeating: 0)
    try computing { () throws(CryptoError) in
      try engine.sha256(batch, batch.extracting(0..<0), into: &digest)
    }
    try writing { () throws(OctetError) in
      try scratch.becomeReceiptInput(
        serial: production.serial.span.bytes, number: number, digest: digest.span.bytes, count: count, total: total)
    }
    var tag = Block(repeating: 0)
    try computing { () throws(CryptoError) in
      try scratch.withBytes { (input) throws(CryptoError) in
        try engine.cmac(EngineSlot.receiptKey, input, input.extracting(0..<0), into: &tag)
      }
    }
    record.wipe()
    try writing { () throws(OctetError) in
      try record.append(number)
      try record.append(digest.span.bytes)
      try record.append(count)
      try record.append(total)
      try record.append(tag.span.bytes)
    }
    try record.withBytes { (receipt) throws(StatusWord) in try put(CardLayout.chargeReceipt, receipt) }
    record.wipe()
    try writing { () throws(OctetError) in
      try record.append(number)
      try record.append(total)
    }
    try record.withBytes { (counter) throws(StatusWord) in try put(CardLayout.chargeCounter, counter) }
  }

  /// Puts the stored receipt into the answer.
  func answerReceipt() throws(StatusWord) {
    let found = try store.withValue(CardLayout.chargeReceipt) { (receipt) throws(StatusWord) -> Bool in
      try writing { () throws(OctetError) in try output.append(receipt) }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
  }

  private func isLastCharge(_ batch: RawSpan) throws(StatusWord) -> Bool {
    var digest = Block32(repeating: 0)
    try computing { () throws(CryptoError) in
      try engine.sha256(batch, batch.extracting(0..<0), into: &digest)
    }
    return store.withValue(CardLayout.chargeReceipt) { (receipt) -> Bool in
      receipt.byteCount == ChargeReceipt.octetCount && constantTimeEqual(receipt.extracting(4..<36), digest.span.bytes)
    } ?? false
  }

  private static func batchHead(_ batch: RawSpan) throws(StatusWord) -> (number: UInt32, count: UInt16) {
    var reader = OctetReader(batch)
    do throws(OctetError) {
      guard try reader.u8() == ChargeBatch.version else { throw OctetError.invalid }
      let number = try reader.u32()
      let count = try reader.u16()
      guard count > 0 else { throw OctetError.invalid }
      return (number, count)
    } catch {
      throw .incorrectData
    }
  }

  /// The next record, whole: code, key number, flags, expiry, uses, software id, ID.
  @_lifetime(copy reader)
  private static func nextRecord(_ reader: inout OctetReader) throws(StatusWord) -> RawSpan {
    var ahead = copy reader
    let head = try take(ChargeBatch.recordOctets, of: &ahead)
    let idOctets = Int(head[octet: ChargeBatch.recordOctets - 1])
    let number = head[octet: CardProtocol.codeOctets]
    guard idOctets <= CardProtocol.messageIDOctets, (1...CardProtocol.generationKeyCount).contains(number) else {
      throw .incorrectData
    }
    return try take(ChargeBatch.recordOctets + idOctets, of: &reader)
  }

  @_lifetime(copy reader)
  private static func take(_ count: Int, of reader: inout OctetReader) throws(StatusWord) -> RawSpan {
    do { return try reader.take(count) } catch { throw .incorrectData }
  }
}
