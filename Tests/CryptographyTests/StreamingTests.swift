import Cryptography
import Octets
import SecureChannel
import Testing

@Suite struct StreamingTests {
  private static let key = [UInt8](repeating: 0x42, count: 32)
  private static let associatedData = Array("disc header".utf8)

  /// Octets that differ from place to place.
  private static func plaintext(_ length: Int) -> [UInt8] {
    (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  private static let small: StreamingAEAD = {
    do { return try StreamingAEAD(segmentOctets: 64) } catch { fatalError("64 octets are enough for a segment") }
  }()

  /// Lengths at and around every boundary of the first segments: 8 octets fit into the first, 48 into each other.
  static let lengths = [0, 1, 7, 8, 9, 55, 56, 57, 103, 104, 105, 151, 152, 153, 500]

  private func seal(_ plaintext: [UInt8], _ parameters: StreamingAEAD = small) throws -> [UInt8] {
    try parameters.seal(
      plaintext, key: Secret(copying: Self.key), associatedData: Self.associatedData, random: SeededRandom(seed: 31))
  }

  private func open(_ stream: [UInt8], _ parameters: StreamingAEAD = small) throws -> [UInt8] {
    octets(
      try parameters.open(stream, key: Secret(copying: Self.key), associatedData: Self.associatedData))
  }

  @Test(arguments: lengths) func lengthsAddUp(length: Int) throws {
    let stream = try seal(Self.plaintext(length))
    #expect(UInt64(stream.count) == (try Self.small.ciphertextLength(plaintextLength: UInt64(length))))
    #expect(UInt64(length) == (try Self.small.plaintextLength(ciphertextLength: UInt64(stream.count))))
    let count = try Self.small.segmentCount(ciphertextLength: UInt64(stream.count))
    #expect(count == (try Self.small.segmentCount(plaintextLength: UInt64(length))))
    #expect(count == UInt64((stream.count + 63) / 64))
    #expect(try open(stream) == Self.plaintext(length))
  }

  /// What Tink seals we open, and what we seal Tink opens: every boundary, and both of our own shapes.
  @Test func tinkReadsAndWritesTheSame() throws {
    var questions: [TinkQuestion] = []
    for (parameters, lengths) in [
      (Self.small, Self.lengths), (.message, [0, 65_480, 65_481, 131_000]), (.disc, [1_048_520, 1_048_521]),
    ] {
      for length in lengths {
        let stream = try seal(Self.plaintext(length), parameters)
        questions.append(
          TinkQuestion(
            key: spell(Self.key), segment: parameters.segmentOctets, associatedData: spell(Self.associatedData),
            plaintext: spell(Self.plaintext(length)), ciphertext: spell(stream)))
      }
    }
    let answers: [TinkAnswer] = try python(tink, questions)
    #expect(answers.count == questions.count)
    for (question, answer) in zip(questions, answers) {
      let length = question.plaintext.count / 2
      #expect(answer.plaintext == question.plaintext, "Tink reads \(length) octets")
      let parameters = try StreamingAEAD(segmentOctets: question.segment)
      #expect(spell(try open(hex(answer.ciphertext), parameters)) == question.plaintext, "we read \(length) octets")
    }
  }

  @Test func everyTruncationIsNoticed() throws {
    let stream = try seal(Self.plaintext(200))
    for length in 0..<stream.count {
      #expect(throws: CryptoError.notAuthentic, "cut to \(length)") { try open(Array(stream[..<length])) }
    }
    #expect(throws: CryptoError.notAuthentic) { try open(stream + [0]) }
    #expect(throws: CryptoError.notAuthentic) { try open(stream + stream[64..<128]) }
  }

  @Test func everyFlippedBitIsNoticed() throws {
    let stream = try seal(Self.plaintext(120))
    for bit in 0..<(8 * stream.count) {
      var changed = stream
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: CryptoError.notAuthentic, "bit \(bit)") { try open(changed) }
    }
  }

  @Test func swappedAndRepeatedSegmentsAreNoticed() throws {
    let stream = try seal(Self.plaintext(8 + 48 * 4))
    let segments = stride(from: 0, to: stream.count, by: 64).map { Array(stream[$0..<min($0 + 64, stream.count)]) }
    #expect(segments.count == 5)
    for order in [[0, 2, 1, 3, 4], [0, 1, 2, 4, 3], [0, 1, 1, 3, 4], [0, 1, 2, 4], [0, 2, 3, 4]] {
      #expect(throws: CryptoError.notAuthentic, "\(order)") { try open(order.flatMap { segments[$0] }) }
    }
  }

  @Test func theAssociatedDataAndTheKeyBind() throws {
    let stream = try seal([1, 2, 3])
    #expect(throws: CryptoError.notAuthentic) {
      _ = try Self.small.open(stream, key: Secret(copying: Self.key), associatedData: [])
    }
    #expect(throws: CryptoError.notAuthentic) {
      let other = Secret(copying: [UInt8](repeating: 0x43, count: 32))
      _ = try Self.small.open(stream, key: other, associatedData: Self.associatedData)
    }
    #expect(throws: CryptoError.badLength) {
      _ = try Self.small.open(stream, key: Secret(copying: [1]), associatedData: Self.associatedData)
    }
    let other = try StreamingAEAD(segmentOctets: 65)
    #expect(throws: CryptoError.notAuthentic) { try open(seal(Self.plaintext(100)), other) }
  }

  /// Any segment by itself, in place, and in any order.
  @Test func opensFromTheMiddle() throws {
    let plaintext = Self.plaintext(300)
    let stream = try seal(plaintext)
    var opener = try StreamOpener(
      key: Secret(copying: Self.key), associatedData: Self.associatedData, header: Array(stream[..<40]),
      parameters: Self.small)
    let total = UInt64(stream.count)
    let count = try UInt32(Self.small.segmentCount(ciphertextLength: total))
    for offset in [299, 0, 8, 7, 150, 56, 55, 200] {
      let (segment, place) = try Self.small.location(ofPlaintext: UInt64(offset))
      let range = try Self.small.ciphertextRange(ofSegment: segment, ciphertextLength: total)
      var buffer = Array(stream[Int(range.lowerBound)..<Int(range.upperBound)])
      let length = try buffer.withUnsafeMutableBytes { buffer in
        try opener.open(segment: segment, UnsafeRawBufferPointer(buffer), isLast: segment == count - 1, into: buffer)
      }
      #expect(place < length)
      #expect(buffer[place] == plaintext[offset])
    }
    #expect(throws: CryptoError.badLength) { try Self.small.ciphertextRange(ofSegment: count, ciphertextLength: total) }
  }

  @Test func anUnauthenticSegmentLeavesZeros() throws {
    let stream = try seal(Self.plaintext(8))
    var changed = Array(stream[40...])
    changed[0] ^= 1
    var opener = try StreamOpener(
      key: Secret(copying: Self.key), associatedData: Self.associatedData, header: Array(stream[..<40]),
      parameters: Self.small)
    var output = [UInt8](repeating: 0xAA, count: 10)
    #expect(throws: CryptoError.notAuthentic) {
      try changed.withUnsafeBytes { changed in
        try output.withUnsafeMutableBytes { output in
          _ = try opener.open(segment: 0, changed, isLast: true, into: output)
        }
      }
    }
    #expect(output == [0, 0, 0, 0, 0, 0, 0, 0, 0xAA, 0xAA])
  }

  /// What a caller cuts out of a damaged stream may have any length.
  @Test func segmentsOfImpossibleLengthsAreNotAuthentic() throws {
    let header = Array(try seal([]).prefix(40))
    for (index, isLast, lengths) in [
      (0, true, Array(0..<16) + [25, 64]), (0, false, [0, 15, 16, 23, 25]), (1, true, Array(0...16) + [65]),
      (1, false, [0, 63, 65]),
    ] as [(UInt32, Bool, [Int])] {
      for length in lengths {
        #expect(throws: CryptoError.notAuthentic, "\(length) octets as segment \(index)") {
          var opener = try StreamOpener(
            key: Secret(copying: Self.key), associatedData: Self.associatedData, header: header,
            parameters: Self.small)
          var buffer = [UInt8](repeating: 0, count: length)
          try buffer.withUnsafeMutableBytes { buffer in
            _ = try opener.open(segment: index, UnsafeRawBufferPointer(buffer), isLast: isLast, into: buffer)
          }
        }
      }
    }
  }

  @Test func theSealerRefusesWhatTinkCouldNotRead() throws {
    var sealer = try StreamSealer(
      key: Secret(copying: Self.key), associatedData: [], parameters: Self.small, random: SeededRandom(seed: 1))
    #expect(sealer.nextCapacity == 8)
    #expect(refuses(&sealer, 7, isLast: false), "a short segment that is not the last")
    #expect(refuses(&sealer, 9, isLast: true), "an overfull one")
    #expect(refuses(&sealer, 8, isLast: false, room: 23), "too little room")
    #expect(!refuses(&sealer, 8, isLast: false))
    #expect(sealer.nextCapacity == 48)
    #expect(refuses(&sealer, 0, isLast: true), "an empty last one after others")
    #expect(!refuses(&sealer, 48, isLast: true))
    #expect(refuses(&sealer, 1, isLast: true), "anything after the last")
  }

  private func refuses(_ sealer: inout StreamSealer, _ length: Int, isLast: Bool, room: Int = 64) -> Bool {
    let plaintext = [UInt8](repeating: 0, count: length)
    var output = [UInt8](repeating: 0, count: room)
    do {
      _ = try plaintext.withUnsafeBytes { plaintext in
        try output.withUnsafeMutableBytes { try sealer.seal(plaintext, isLast: isLast, into: $0) }
      }
      return false
    } catch {
      return true
    }
  }

  @Test func shapesAndLengthsOutOfRangeThrow() throws {
    for octets in [56, 0, -1, 1 << 31, .max, .min] {
      #expect(throws: CryptoError.badLength) { try StreamingAEAD(segmentOctets: octets) }
    }
    let longest = (UInt64(1) << 32) * 48 - 40
    #expect(try Self.small.segmentCount(plaintextLength: longest) == 1 << 32)
    #expect(
      try Self.small.plaintextLength(ciphertextLength: Self.small.ciphertextLength(plaintextLength: longest)) == longest
    )
    #expect(try Self.small.location(ofPlaintext: longest - 1) == (segment: .max, offset: 47))
    for length in [longest + 1, .max] {
      #expect(throws: CryptoError.badLength) { try Self.small.ciphertextLength(plaintextLength: length) }
      #expect(throws: CryptoError.notAuthentic) { try Self.small.plaintextLength(ciphertextLength: .max) }
    }
    #expect(throws: CryptoError.badLength) { try Self.small.location(ofPlaintext: longest) }
    #expect(throws: CryptoError.badLength) { try Self.small.location(ofPlaintext: .max) }
    for length in UInt64(0)..<56 {
      #expect(throws: CryptoError.notAuthentic) { try Self.small.plaintextLength(ciphertextLength: length) }
    }
    for length in UInt64(65)...80 {
      #expect(throws: CryptoError.notAuthentic) { try Self.small.plaintextLength(ciphertextLength: length) }
    }
    #expect(try Self.small.plaintextLength(ciphertextLength: 81) == 9)
  }

  @Test(arguments: [0, 1, 39, 41, 80]) func headersOfOtherLengthsAreRefused(length: Int) {
    let header = [UInt8](repeating: 40, count: length)
    #expect(throws: CryptoError.notAuthentic) {
      _ = try StreamOpener(
        key: Secret(copying: Self.key), associatedData: [], header: header, parameters: Self.small)
    }
  }
}

private struct TinkQuestion: Encodable {
  var key: String
  var segment: Int
  var associatedData, plaintext, ciphertext: String
}

private struct TinkAnswer: Decodable {
  var plaintext, ciphertext: String
}

/// Opens and seals with Google's own library (PyPI `tink`).
private let tink = """
  import io, json, sys
  import tink
  from tink import secret_key_access, streaming_aead
  from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

  streaming_aead.register()

  class Kept(io.BytesIO):
      def close(self):
          self.content = self.getvalue()
          super().close()

  def primitive(question):
      key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=bytes.fromhex(question["key"]))
      key.params.ciphertext_segment_size = question["segment"]
      key.params.derived_key_size = 32
      key.params.hkdf_hash_type = common_pb2.SHA256
      keyset = tink_pb2.Keyset(primary_key_id=1)
      entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
      entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
      entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
      entry.key_data.value = key.SerializeToString()
      handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
      return handle.primitive(streaming_aead.StreamingAead)

  def answer(question):
      tool = primitive(question)
      associated_data = bytes.fromhex(question["associatedData"])
      with tool.new_decrypting_stream(io.BytesIO(bytes.fromhex(question["ciphertext"])), associated_data) as stream:
          plaintext = stream.read()
      sealed = Kept()
      with tool.new_encrypting_stream(sealed, associated_data) as stream:
          stream.write(bytes.fromhex(question["plaintext"]))
      return {"plaintext": plaintext.hex(), "ciphertext": sealed.content.hex()}

  print(json.dumps([answer(question) for question in json.load(sys.stdin)]))
  """
