import Identifiers
import Octets
import Testing

@Suite struct TypedInputTests {
  private func encode(_ body: (OctetBuffer) throws(OctetError) -> Void) throws -> [UInt8] {
    let buffer = OctetBuffer(capacity: 70_000)
    try body(buffer)
    return buffer.withBytes { $0.octets }
  }

  @Test func fieldsAreTypeLengthValue() throws {
    let value: [UInt8] = [0xAA, 0xBB]
    #expect(
      try encode { (buffer) throws(OctetError) in try buffer.appendField(.terms, value.span.bytes) } == [
        5, 0, 2, 0xAA, 0xBB,
      ])
    #expect(
      try encode { (buffer) throws(OctetError) in try buffer.appendField(.messageID, RawSpan()) } == [7, 0, 0])
    #expect(
      try encode { (buffer) throws(OctetError) in try buffer.appendField(.total, UInt32(0x0102_0304)) } == [
        0x0B, 0, 4, 1, 2, 3, 4,
      ])
    #expect(
      try encode { (buffer) throws(OctetError) in try buffer.appendField(.licenseNumber, UInt64(5)) } == [
        0x0C, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5,
      ])
  }

  @Test func fieldsEndAt65535Octets() throws {
    let (longest, tooLong) = ([UInt8](repeating: 1, count: 65_535), [UInt8](repeating: 1, count: 65_536))
    let field = try encode { (buffer) throws(OctetError) in try buffer.appendField(.terms, longest.span.bytes) }
    #expect(field.prefix(3) == [5, 0xFF, 0xFF])
    #expect(throws: OctetError.full) {
      try encode { (buffer) throws(OctetError) in try buffer.appendField(.terms, tooLong.span.bytes) }
    }
  }

  /// All short lists of fields with short values, values that look like field headers among them: no two encode alike.
  @Test func noTwoListsOfFieldsEncodeAlike() throws {
    let types: [FieldType] = [.rootVersion, .cardSerial, .softwareID]
    let values: [[UInt8]] = [[], [0], [1], [0, 0], [1, 0, 0], [2, 0, 1], [0, 0, 1, 0, 0], [1, 0, 0, 2, 0, 0]]
    let fields = types.flatMap { type in values.map { (type, $0) } }
    var lists: [[(FieldType, [UInt8])]] = [[]] + fields.map { [$0] }
    for first in fields {
      for second in fields { lists.append([first, second]) }
    }
    var seen: Set<[UInt8]> = []
    for list in lists {
      let encoded = try encode { (buffer) throws(OctetError) in
        for (type, value) in list { try buffer.appendField(type, value.span.bytes) }
      }
      #expect(seen.insert(encoded).inserted, "\(list)")
    }
    #expect(seen.count == 1 + 24 + 24 * 24)
  }

  @Test func fieldTypesAreFrozen() {
    let numbers: [(FieldType, UInt8)] = [
      (.rootVersion, 1), (.cardSerial, 2), (.softwareID, 3), (.mediumID, 4), (.terms, 5), (.retrievalCode, 6),
      (.messageID, 7), (.chargeNumber, 8), (.digest, 9), (.count, 10), (.total, 11), (.licenseNumber, 12),
      (.keyNumber, 13), (.certificateInput, 14), (.centerID, 15), (.label, 16), (.challenge, 17), (.time, 18),
      (.peerSerial, 19), (.sharedKeyNumber, 20),
    ]
    for (type, number) in numbers { #expect(type.rawValue == number) }
  }

  @Test func labelsAreFrozenAndPrefixFree() {
    let labels = KeyLabel.allCases.map { "\($0.text)" }
    let frozen: Set = [
      "individual key", "SCP03 ENC", "SCP03 MAC", "SCP03 DEK", "copy-licence user key", "charge receipt",
      "conversion secret", "shared key", "right", "message", "wrapping", "certification key", "content",
      "target medium", "master medium",
    ]
    #expect(frozen.isSubset(of: labels))
    #expect(Set(labels).count == labels.count)
    #expect(labels.allSatisfy { !$0.utf8.contains(0) && !$0.isEmpty }, "a label ends at the first zero")
  }

  @Test func derivationInputIsLabelZeroContextLength() throws {
    let buffer = OctetBuffer(capacity: 64)
    try buffer.append(UInt64(0xFFFF))
    let code: [UInt8] = [1, 2, 3]
    try buffer.becomeDerivationInput(.right, keyOctets: 32) { (buffer) throws(OctetError) in
      try buffer.appendField(.retrievalCode, code.span.bytes)
    }
    #expect(buffer.withBytes { $0.octets } == Array("right".utf8) + [0, 6, 0, 3, 1, 2, 3, 0, 0, 1, 0])
  }

  @Test func certificateInputIsTyped() throws {
    let (software, medium, terms): ([UInt8], [UInt8], [UInt8]) = ([1], [2, 2], [3])
    let buffer = OctetBuffer(capacity: 64)
    try buffer.becomeCertificateInput(
      softwareID: software.span.bytes, mediumID: medium.span.bytes, terms: terms.span.bytes)
    #expect(buffer.withBytes { $0.octets } == [3, 0, 1, 1, 4, 0, 2, 2, 2, 5, 0, 1, 3])
    // Attack 1: a medium id set to a software id must not give that software's input.
    let swapped = OctetBuffer(capacity: 64)
    try swapped.becomeCertificateInput(
      softwareID: medium.span.bytes, mediumID: software.span.bytes, terms: terms.span.bytes)
    #expect(buffer.withBytes { $0.octets } != swapped.withBytes { $0.octets })
  }

  @Test func inputsThatDoNotFitThrow() {
    let buffer = OctetBuffer(capacity: 8)
    #expect(throws: OctetError.full) { try buffer.becomeDerivationInput(.individualKey, keyOctets: 16) { _ in } }
  }

  /// Frozen: drives sign it, cards and hosts check it (docs/drive-attestation.md).
  @Test func theInputOfADrivesSignatureIsFrozen() throws {
    let (challenge, id) = ([UInt8](repeating: 0xC1, count: 16), [UInt8](repeating: 0x22, count: 4))
    let input = try encode { (buffer) throws(OctetError) in
      try buffer.becomeDriveAttestationInput(challenge: challenge.span.bytes, mediumID: id.span.bytes)
    }
    let label = Array("warifu drive attestation 1".utf8)
    #expect(input == [0x10, 0, 26] + label + [0x11, 0, 16] + challenge + [0x04, 0, 4] + id)
  }
}
