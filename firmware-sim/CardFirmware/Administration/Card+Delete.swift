import CardProtocol
import ISO7816
import Octets

/// DELETE (GlobalPlatform 2.3.1, 11.2): codes that nobody can use any more, and keys.
extension Card {
  func delete(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0, header.p2 & 0x7F == 0 else { throw .incorrectP1P2 }
    try requireAdministration()
    switch try reading({ () throws(OctetError) in try DeleteRequest(data) }) {
    case .code(let index): try deleteCode(index)
    case .key(let identifier, let version): try deleteKey(identifier, version)
    case .application(let isKnown):
      // The application and its load file are the firmware, which stays.
      throw isKnown ? .conditionsNotSatisfied : .referencedDataNotFound
    }
  }

  /// Only a code that is spent or expired goes, to make room; the card remembers that it had it.
  private func deleteCode(_ index: UInt16) throws(StatusWord) {
    try requireIssuer()
    defer { record.wipe() }
    let code = try fetchCode(index)
    let state = effectiveState(code)
    guard state == .spent || state == .expired else { throw .conditionsNotSatisfied }
    let digest = try record.withBytes { (octets) throws(StatusWord) in
      try codeDigest(octets.storedCode, under: code.generationKey)
    }
    try atomically { () throws(StatusWord) in
      try remove(CardLayout.code(index))
      try noteDeletion(digest)
    }
    codeCount -= 1
  }

  /// A further set goes as a whole, a generation key when no live code needs it; everything else stays. The session that
  /// a set's own end comes from goes on, but administers nothing more.
  private func deleteKey(_ identifier: UInt8?, _ version: UInt8?) throws(StatusWord) {
    guard let version else {
      // One key of each set at once: a set of two opens no session.
      try requireIssuer()
      throw .conditionsNotSatisfied
    }
    try requireRight(overKeySet: version)
    switch version {
    case KeyVersion.furtherSets:
      guard has(CardLayout.keySet(version)) else { throw .referencedDataNotFound }
      guard identifier == nil else { throw .conditionsNotSatisfied }
      try atomically { () throws(StatusWord) in try removeKeySet(version) }
    case KeyVersion.generationKeys:
      let number = version - KeyVersion.generationKeyBase
      guard has(CardLayout.generationKey(number)), identifier == nil || identifier == 1 else {
        throw .referencedDataNotFound
      }
      try requireNoLiveCode(under: number)
      try atomically { () throws(StatusWord) in try remove(CardLayout.generationKey(number)) }
    case KeyVersion.individualSet, KeyVersion.individualKey:
      throw has(CardLayout.individualKey) ? .conditionsNotSatisfied : .referencedDataNotFound
    default: throw has(CardLayout.keySet(version)) ? .conditionsNotSatisfied : .referencedDataNotFound
    }
  }

  /// Takes a key set and its counter away, within a batch.
  func removeKeySet(_ version: UInt8) throws(StatusWord) {
    try remove(CardLayout.keySet(version))
    try remove(CardLayout.sequenceCounter(version))
  }
}

/// What DELETE is asked to take away.
private enum DeleteRequest {
  /// `80`, of two octets: ours.
  case code(UInt16)
  /// `D0` and `D2`, each of one octet, one of them at least.
  case key(identifier: UInt8?, version: UInt8?)
  /// `4F`.
  case application(isKnown: Bool)

  init(_ data: RawSpan) throws(OctetError) {
    var reader = TLVReader(data)
    let first = try reader.next()
    switch (first.tag, first.value.byteCount) {
    case (0x80, 2): self = .code(UInt16(first.value[octet: 0]) << 8 | UInt16(first.value[octet: 1]))
    case (0xD0, 1) where !reader.isAtEnd:
      let second = try reader.next()
      guard second.tag == 0xD2, second.value.byteCount == 1 else { throw .invalid }
      self = .key(identifier: first.value[octet: 0], version: second.value[octet: 0])
    case (0xD0, 1): self = .key(identifier: first.value[octet: 0], version: nil)
    case (0xD2, 1): self = .key(identifier: nil, version: first.value[octet: 0])
    case (0x4F, 5...16):
      let (application, domain, file) = (CardAID.application, CardAID.issuerDomain, CardAID.loadFile)
      self = .application(
        isKnown: constantTimeEqual(application.span.bytes, first.value)
          || constantTimeEqual(domain.span.bytes, first.value) || constantTimeEqual(file.span.bytes, first.value))
    default: throw .invalid
    }
    guard reader.isAtEnd else { throw .trailing }
  }
}
