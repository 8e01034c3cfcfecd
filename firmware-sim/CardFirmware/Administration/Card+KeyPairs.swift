import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8, 5.1).
extension Card {
  /// P1 = 80 makes a new pair until its certificate is there, 81 reads the public half.
  func generateAsymmetricKeyPair(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0x80 || header.p1 == 0x81, header.p2 == 0 else { throw .incorrectP1P2 }
    if header.p1 == 0x80 { try requireIssuer() } else { try requireAdministration() }
    guard data.byteCount == 2, data[octet: 1] == 0, let pair = CommandAPDU.KeyPair(rawValue: data[octet: 0]) else {
      throw .incorrectData
    }
    if header.p1 == 0x80 { try makeKeyPair(pair) }
    let found = try store.withValue(CardLayout.keyPair(pair.rawValue)) { (value) throws(StatusWord) -> Bool in
      guard value.byteCount == 97 else { throw StatusWord.executionError }
      try writing { () throws(OctetError) in
        try output.appendTLV(tag: 0x7F49) { (template) throws(OctetError) in
          try template.appendTLV(tag: 0x86, value.extracting(32..<97))
        }
      }
      return true
    }
    guard found == true else { throw .referencedDataNotFound }
  }

  private func makeKeyPair(_ pair: CommandAPDU.KeyPair) throws(StatusWord) {
    let certificate: DataTag = pair == .authentication ? .authenticationCertificate : .signatureCertificate
    guard !has(CardLayout.object(certificate)) else { throw .conditionsNotSatisfied }
    var privateKey = Block32(repeating: 0)
    var publicKey = P256PublicKey(repeating: 0)
    record.wipe()
    defer {
      record.wipe()
      for index in 0..<32 { privateKey[index] = 0 }
    }
    try computing { () throws(CryptoError) in
      try engine.generateP256(privateKey: &privateKey, publicKey: &publicKey)
    }
    try writing { () throws(OctetError) in
      try record.append(privateKey.span.bytes)
      try record.append(publicKey.span.bytes)
    }
    try atomically { () throws(StatusWord) in
      try record.withBytes { (value) throws(StatusWord) in try put(CardLayout.keyPair(pair.rawValue), value) }
    }
  }
}
