import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// PUT KEY (Amendment D, 7.2).
extension Card {
  func putKey(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    try requireAdministration()
    guard data.byteCount > 0 else { throw .wrongLength }
    let version = data[octet: 0]
    switch version {
    case KeyVersion.individualKey: try putIndividualKey(header, data)
    case KeyVersion.generationKeys:
      try putGenerationKey(header, data, number: version - KeyVersion.generationKeyBase)
    case KeyVersion.furtherSets: try putKeySet(header, data, version: version)
    default: throw .incorrectData
    }
  }

  /// The individual key enters once, under the transport set at level 33; with it the transport set goes and the card
  /// is SECURED, all in one write.
  private func putIndividualKey(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0, header.p2 == 1 else { throw .incorrectP1P2 }
    try requireIssuer()
    guard !has(CardLayout.individualKey) else { throw .conditionsNotSatisfied }
    guard session.keyVersion != KeyVersion.individualSet, isFullyProtected else { throw .securityStatusNotSatisfied }
    defer { record.wipe() }
    try openKeys(data, count: 1)
    try requireLength(32)
    let transport = session.keyVersion
    try atomically { () throws(StatusWord) in
      try record.withBytes { (key) throws(StatusWord) in
        try put(CardLayout.individualKey, key.extracting(1..<33))
      }
      try remove(CardLayout.keySet(transport))
      try put(CardLayout.lifeCycle, octet: LifeCycle.secured.rawValue)
    }
    lifeCycle = .secured
  }

  /// P1 = 00 for a new one, its version to replace one that no live code needs.
  private func putGenerationKey(_ header: CommandHeader, _ data: RawSpan, number: UInt8) throws(StatusWord) {
    let version = KeyVersion.generationKeyBase + number
    try requireIssuer()
    guard header.p2 == 1, header.p1 == 0 || header.p1 == version else { throw .incorrectP1P2 }
    guard lifeCycle == .secured else { throw .conditionsNotSatisfied }
    let exists = has(CardLayout.generationKey(number))
    guard exists == (header.p1 == version) else { throw exists ? .conditionsNotSatisfied : .referencedDataNotFound }
    if exists { try requireNoLiveCode(under: number) }
    defer { record.wipe() }
    try openKeys(data, count: 1)
    try requireLength(32)
    try atomically { () throws(StatusWord) in
      try record.withBytes { (key) throws(StatusWord) in
        try put(CardLayout.generationKey(number), key.extracting(1..<33))
      }
    }
  }

  /// A further SCP03 set: new with P1 = 00, or in place of the one that P1 names, under its version or a free one.
  private func putKeySet(_ header: CommandHeader, _ data: RawSpan, version: UInt8) throws(StatusWord) {
    let old = header.p1
    guard header.p2 == 0x81, old == 0 || KeyVersion.furtherSets.contains(old) else { throw .incorrectP1P2 }
    try requireRight(overKeySet: version)
    if old != 0 { try requireRight(overKeySet: old) }
    guard lifeCycle == .secured else { throw .conditionsNotSatisfied }
    guard old == 0 || has(CardLayout.keySet(old)) else { throw .referencedDataNotFound }
    guard old == version || !has(CardLayout.keySet(version)) else { throw .conditionsNotSatisfied }
    defer { record.wipe() }
    try openKeys(data, count: 3)
    try atomically { () throws(StatusWord) in
      if old != 0, old != version { try removeKeySet(old) }
      try record.withBytes { (set) throws(StatusWord) in try put(CardLayout.keySet(version), set) }
      try remove(CardLayout.sequenceCounter(version))
    }
  }

  /// Decrypts `count` keys of one length and checks their check values; leaves length (1) ‖ keys in `record` and puts
  /// the version and the check values into the answer.
  private func openKeys(_ data: RawSpan, count: Int) throws(StatusWord) {
    record.wipe()
    var reader = OctetReader(data)
    do throws(OctetError) {
      try output.append(try reader.u8())
      for index in 0..<count {
        guard try reader.u8() == 0x88 else { throw OctetError.invalid }
        let field = try reader.take(Int(try reader.u8()))
        let check = try reader.take(Int(try reader.u8()))
        try openKey(field, check: check, isFirst: index == 0)
      }
      try reader.expectEnd()
    } catch {
      throw .incorrectData
    }
  }

  /// One key data field: length (1) ‖ ciphertext, and its check value.
  private func openKey(_ field: RawSpan, check: RawSpan, isFirst: Bool) throws(OctetError) {
    var reader = OctetReader(field)
    let length = try reader.u8()
    guard length == 16 || length == 24 || length == 32 else { throw .invalid }
    if isFirst { try record.append(length) } else if record[0] != length { throw .invalid }
    let ciphertext = reader.takeRest()
    guard ciphertext.byteCount == (length == 16 ? 16 : 32), check.byteCount == 3 else { throw .invalid }
    let start = record.count
    try record.append(ciphertext)
    var value = Block(repeating: 1)
    do {
      try record.withMutableBytes(from: start) { (key: inout MutableRawSpan) throws(CryptoError) in
        try engine.decryptCBC(EngineSlot.channelStatic.dek, iv: Block(repeating: 0), &key)
      }
      record.truncate(to: start + Int(length))
      try record.withBytes { (keys) throws(CryptoError) in
        try engine.load(keys.extracting(start..<(start + Int(length))), into: EngineSlot.working)
      }
      try engine.encryptBlock(EngineSlot.working, &value)
    } catch {
      throw .invalid
    }
    guard constantTimeEqual(value.span.bytes.extracting(0..<3), check) else { throw .invalid }
    try output.append(check)
  }

  private func requireLength(_ octets: UInt8) throws(StatusWord) {
    guard record[0] == octets else { throw .incorrectData }
  }

  func requireNoLiveCode(under number: UInt8) throws(StatusWord) {
    defer { record.wipe() }
    for index in 0..<profile.codeCapacity where has(CardLayout.code(index)) {
      let code = try fetchCode(index)
      guard code.generationKey != number || !effectiveState(code).isLive else { throw .conditionsNotSatisfied }
    }
  }
}
