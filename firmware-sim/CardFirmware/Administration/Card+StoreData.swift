import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// STORE DATA (GlobalPlatform 2.3.1, 11.11): blocks are staged in memory and executed whole with the last one.
extension Card {
  func storeData(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    // Whoever may not store drops nothing either: what is staged is the session's, and this may be another channel.
    try requireAdministration()
    do throws(StatusWord) {
      guard header.p1 & 0x7F == 0x10, UInt16(header.p2) == session.nextBlock else { throw StatusWord.incorrectP1P2 }
      do { try staging.append(data) } catch { throw StatusWord.notEnoughMemory }
      session.nextBlock += 1
      guard header.p1 & 0x80 != 0 else { return }
      try staging.withBytes { (objects) throws(StatusWord) in try execute(objects) }
    } catch {
      dropStaging()
      throw error
    }
    dropStaging()
  }

  /// Forgets the blocks of an unfinished STORE DATA.
  func dropStaging() {
    staging.wipe()
    session.nextBlock = 0
  }

  /// Looks at every object before any is taken; then writes them all in one batch.
  private func execute(_ objects: RawSpan) throws(StatusWord) {
    let charge = try judge(objects)
    if charge == .repeated {
      try requireAllThere(objects)
      return try answerReceipt()
    }
    try atomicallyFilling { () throws(StatusWord) in
      var reader = TLVReader(objects)
      while !reader.isAtEnd {
        let object = try Card.nextObject(&reader)
        try store(object.tag, object.value)
      }
    }
    if case .new(let count) = charge {
      codeCount += count
      try answerReceipt()
    }
  }

  /// Reads the whole sequence, in which each object may come once: a write does not see those before it in its batch.
  ///
  /// - Returns: what the batch of codes in it is to this card, if there is one.
  private func judge(_ objects: RawSpan) throws(StatusWord) -> ChargeOutcome? {
    var charge: ChargeOutcome?
    var seen: UInt64 = 0
    var reader = TLVReader(objects)
    while !reader.isAtEnd {
      let object = try Card.nextObject(&reader)
      // The tags of what can be stored, DF23 to DF32, differ in their last six bits.
      let bit: UInt64 = 1 << UInt64(object.tag.rawValue & 0x3F)
      guard object.tag.isStorable, seen & bit == 0 else { throw .incorrectData }
      // A delegate brings software, nothing else (decision 0008).
      if object.tag != .createFile { try requireIssuer() }
      seen |= bit
      if object.tag == .chargeBatch { charge = try judgeCharge(object.value) }
    }
    return charge
  }

  /// A batch that comes again was written together with what came beside it; anything else beside it is new, and would
  /// be lost behind the old receipt.
  private func requireAllThere(_ objects: RawSpan) throws(StatusWord) {
    var reader = TLVReader(objects)
    while !reader.isAtEnd {
      let object = try Card.nextObject(&reader)
      let isThere =
        switch object.tag {
        case .referenceData: has(CardLayout.referenceValue(.pin))
        case .createFile: hasFile(object.value)
        case .chargeBatch: true
        default: store.withValue(CardLayout.object(object.tag)) { constantTimeEqual($0, object.value) } ?? false
        }
      guard isThere else { throw .conditionsNotSatisfied }
    }
  }

  @_lifetime(copy reader)
  private static func nextObject(_ reader: inout TLVReader) throws(StatusWord) -> StoredObject {
    do throws(OctetError) {
      let element = try reader.next()
      guard element.tag <= 0xFFFF, let tag = DataTag(rawValue: UInt16(element.tag)) else { throw OctetError.invalid }
      return StoredObject(tag: tag, value: element.value)
    } catch {
      throw .incorrectData
    }
  }

  /// Takes one object, within the batch.
  private func store(_ tag: DataTag, _ value: RawSpan) throws(StatusWord) {
    switch tag {
    case .authenticationCertificate, .signatureCertificate, .issuerCertificate, .licenseCertificate:
      guard (1...1_024).contains(value.byteCount) else { throw .incorrectData }
      try requireKeyPair(for: tag)
      try setOnce(CardLayout.object(tag), value)
    case .centerVerificationKey:
      guard value.byteCount == 65, value[octet: 0] == 0x04 else { throw .incorrectData }
      try setOnce(CardLayout.object(tag), value)
    case .referenceData: try setReferenceData(value)
    case .createFile: try createFile(value)
    case .chargeBatch: try charge(value)
    default: throw .incorrectData
    }
  }

  /// A certificate of the card's own ends the making of its key pair, so there must be one.
  private func requireKeyPair(for certificate: DataTag) throws(StatusWord) {
    let pair: CommandAPDU.KeyPair
    switch certificate {
    case .authenticationCertificate: pair = .authentication
    case .signatureCertificate: pair = .signature
    default: return
    }
    guard has(CardLayout.keyPair(pair.rawValue)) else { throw .conditionsNotSatisfied }
  }

  /// Sets an object that is there for good; the same value again is no error, so that a cut issue can be run again.
  private func setOnce(_ key: StoreKey, _ value: RawSpan) throws(StatusWord) {
    let isSame = store.withValue(key) { constantTimeEqual($0, value) }
    switch isSame {
    case nil: try put(key, value)
    case true?: return
    case false?: throw .conditionsNotSatisfied
    }
  }

  /// PIN ‖ PUK, once.
  private func setReferenceData(_ value: RawSpan) throws(StatusWord) {
    guard value.byteCount == 2 * CardProtocol.pinOctets else { throw .incorrectData }
    guard !has(CardLayout.referenceValue(.pin)) else { throw .conditionsNotSatisfied }
    let pin = value.extracting(0..<CardProtocol.pinOctets)
    let puk = value.extracting(CardProtocol.pinOctets..<(2 * CardProtocol.pinOctets))
    try Card.checkForm(pin)
    try Card.checkForm(puk)
    try put(CardLayout.referenceValue(.pin), pin)
    try put(CardLayout.referenceValue(.puk), puk)
    try put(CardLayout.referenceTries(.pin), octet: profile.pinTries)
    try put(CardLayout.referenceTries(.puk), octet: profile.pukTries)
  }
}

extension DataTag {
  /// Whether STORE DATA takes it.
  fileprivate var isStorable: Bool {
    switch self {
    case .authenticationCertificate, .signatureCertificate, .issuerCertificate, .licenseCertificate,
      .centerVerificationKey, .referenceData, .createFile, .chargeBatch:
      true
    default: false
    }
  }
}

/// One object of a STORE DATA sequence.
private struct StoredObject: ~Escapable {
  let tag: DataTag
  let value: RawSpan

  @_lifetime(copy value)
  init(tag: DataTag, value: RawSpan) {
    self.tag = tag
    self.value = value
  }
}
