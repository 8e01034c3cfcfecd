import Octets

extension OctetBuffer {
  /// Makes this buffer what a drive signs when it says which medium is inside: {label, challenge, medium id}, typed, the
  /// label `warifu drive attestation 1`. The signature is ECDSA P-256 over its SHA-256, r ‖ s (docs/drive-attestation.md).
  ///
  /// - Parameters:
  ///   - challenge: what the asker made up, 16 to 64 octets.
  ///   - mediumID: the medium's id, 1 to 64 octets.
  public func becomeDriveAttestationInput(challenge: RawSpan, mediumID: RawSpan) throws(OctetError) {
    removeAll()
    let label: StaticString = "warifu drive attestation 1"
    try append(FieldType.label.rawValue)
    try append(UInt16(label.utf8CodeUnitCount))
    for index in 0..<label.utf8CodeUnitCount { try append(label.utf8Start[index]) }
    try appendField(.challenge, challenge)
    try appendField(.mediumID, mediumID)
  }
}
