import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// GET DATA (ISO/IEC 7816-4, 11.4.3; GlobalPlatform 2.3.1, 11.3).
extension Card {
  func getData(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard data.byteCount == 0 else { throw .wrongLength }
    guard let tag = DataTag(rawValue: header.p1p2) else { throw .referencedDataNotFound }
    if lifeCycle == .terminated, tag != .productionLifeCycle, tag != .applicationStatus {
      throw .conditionsNotSatisfied
    }
    switch tag {
    case .productionLifeCycle: try object(0x9F7F, production.lifeCycleData.span.bytes)
    case .issuerIdentificationNumber: try object(0x42, CardIdentity.issuer.span.bytes)
    case .cardImageNumber: try object(0x45, production.serial.span.bytes)
    case .issuerDomainID: try object(0x4F, CardAID.issuerDomain.span.bytes)
    case .sequenceCounter: try appendSequenceCounter()
    case .cardRecognitionData: try writing { () throws(OctetError) in try appendRecognitionData() }
    case .keyInformation: try writing { () throws(OctetError) in try appendKeyInformation() }
    case .applicationStatus: try writing { () throws(OctetError) in try appendStatus() }
    case .authenticationPublicKey: try publicKey(0xA4)
    case .signaturePublicKey: try publicKey(0xB6)
    case .authenticationCertificate, .signatureCertificate, .issuerCertificate, .licenseCertificate,
      .centerVerificationKey:
      try stored(CardLayout.object(tag))
    case .chargeReceipt: try stored(CardLayout.chargeReceipt)
    case .chargeBatch, .createFile, .referenceData: throw .referencedDataNotFound
    }
  }

  private func object(_ tag: UInt32, _ value: RawSpan) throws(StatusWord) {
    try writing { () throws(OctetError) in try output.appendTLV(tag: tag, value) }
  }

  private func stored(_ key: StoreKey) throws(StatusWord) {
    let found = try store.withValue(key) { (value) throws(StatusWord) -> Bool in
      try writing { () throws(OctetError) in try output.append(value) }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
  }

  /// The public half only: the private one, first in the record, is passed over.
  private func publicKey(_ pair: UInt8) throws(StatusWord) {
    let found = try store.withValue(CardLayout.keyPair(pair)) { (value) throws(StatusWord) -> Bool in
      guard value.byteCount == 97 else { throw StatusWord.executionError }
      try writing { () throws(OctetError) in try output.append(value.extracting(32..<97)) }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
  }

  /// The counter of the key set that INITIALIZE UPDATE takes when it names none (11.3.3); only cards with pseudo-random
  /// challenges have one.
  private func appendSequenceCounter() throws(StatusWord) {
    guard profile.hasPseudoRandomChallenge else { throw .referencedDataNotFound }
    let counter = sequenceCounter(defaultKeyVersion)
    try writing { () throws(OctetError) in
      try output.appendTLV(tag: 0xC1) { (value) throws(OctetError) in
        try value.append(UInt8(truncatingIfNeeded: counter >> 16))
        try value.append(UInt16(truncatingIfNeeded: counter))
      }
    }
  }

  /// Card recognition data (GlobalPlatform 2.3.1, H.2): version 2.3.1, SCP03 with the "i" parameter of this card.
  private func appendRecognitionData() throws(OctetError) {
    let body = CardIdentity.recognition
    try output.append(body.span.bytes)
    try output.append(profile.channelOptions.rawValue)
  }

  /// Key information template (GlobalPlatform 2.3.1, 11.3.3.1): one C0 for each key that sessions are opened with, or
  /// that PUT KEY sets beside them. The individual key is none of these.
  private func appendKeyInformation() throws(OctetError) {
    try output.appendTLV(tag: 0xE0) { (template) throws(OctetError) in
      if has(CardLayout.individualKey) { try appendKeySet(KeyVersion.individualSet, octets: 32, to: template) }
      try store.forEachKey(in: CardLayout.keySets) { (key) throws(OctetError) in
        let length = store.withValue(key) { $0.byteCount > 0 ? $0[octet: 0] : 0 } ?? 0
        try appendKeySet(UInt8(truncatingIfNeeded: key.rawValue), octets: length, to: template)
      }
      try store.forEachKey(in: CardLayout.generationKeys) { (key) throws(OctetError) in
        let version = KeyVersion.generationKeyBase + UInt8(truncatingIfNeeded: key.rawValue)
        try appendKey(1, version, octets: 32, to: template)
      }
    }
  }

  private func appendKeySet(_ version: UInt8, octets: UInt8, to template: OctetBuffer) throws(OctetError) {
    for identifier: UInt8 in 1...3 { try appendKey(identifier, version, octets: octets, to: template) }
  }

  private func appendKey(
    _ identifier: UInt8, _ version: UInt8, octets: UInt8, to template: OctetBuffer
  ) throws(OctetError) {
    try template.append(UInt16(0xC004))
    try template.append(identifier)
    try template.append(version)
    try template.append(UInt8(0x88))
    try template.append(octets)
  }

  /// The application's status; `docs/card-protocol.md` lists the objects in it.
  private func appendStatus() throws(OctetError) {
    let counter = chargeCounter
    try output.appendTLV(tag: 0x80) { (value) throws(OctetError) in try value.append(lifeCycle.rawValue) }
    try output.appendTLV(tag: 0x81) { (value) throws(OctetError) in try value.append(counter.number) }
    try output.appendTLV(tag: 0x82) { (value) throws(OctetError) in try value.append(counter.total) }
    try output.appendTLV(tag: 0x83) { (value) throws(OctetError) in try value.append(codeCount) }
    try output.appendTLV(tag: 0x84) { (value) throws(OctetError) in try value.append(profile.codeCapacity) }
    try output.appendTLV(tag: 0x85) { (value) throws(OctetError) in try value.append(triesLeft(.pin)) }
    try output.appendTLV(tag: 0x86) { (value) throws(OctetError) in try value.append(triesLeft(.puk)) }
    try output.appendTLV(tag: 0x87) { (value) throws(OctetError) in try value.append(profile.stagingOctets) }
    try output.appendTLV(tag: 0x88) { (value) throws(OctetError) in try value.append(knownTime) }
    try output.appendTLV(tag: 0x89, production.serial.span.bytes)
    try output.appendTLV(tag: 0x8A) { (value) throws(OctetError) in
      try value.append(UInt8(profile.hasTestKeys ? 1 : 0))
    }
  }
}

extension CardProfile {
  /// The parameter "i" of its secure channel (Amendment D, 5.1): what INITIALIZE UPDATE does and says too.
  fileprivate var channelOptions: SecureChannelOptions {
    var options: SecureChannelOptions = [.responseMAC, .responseEncryption]
    if macOctets == 16 { options.insert(.s16) }
    if hasPseudoRandomChallenge { options.insert(.pseudoRandomChallenge) }
    return options
  }
}

/// Constant objects of the card.
enum CardIdentity {
  /// Issuer identification number, BCD: 9 (for national assignment, ISO/IEC 7812-1), never a payment scheme's.
  static let issuer: InlineArray<3, UInt8> = [0x99, 0x90, 0x01]

  /// Card recognition data up to the "i" parameter, which follows as the last octet.
  static let recognition: InlineArray<50, UInt8> = [
    0x66, 0x31, 0x73, 0x2F,
    0x06, 0x07, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x01,
    0x60, 0x0C, 0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x02, 0x02, 0x03, 0x01,
    0x63, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x03,
    0x64, 0x0B, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x04, 0x03,
  ]
}
