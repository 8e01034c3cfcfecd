import Cryptography
import Identifiers
import Octets
import SecureChannel
import Testing

@Suite struct KBKDFTests {
  struct Vector: Sendable {
    var counterOctets: Int
    var key, fixedInput, output: String
  }

  /// NIST CAVP, KBKDF800-108 counter mode, CMAC, counter before the fixed data (COUNT 0, 10, 20, 30 of each group).
  static let vectors: [Vector] = CAVP.counterMode.split(separator: "\n").compactMap { line in
    let fields = line.split(separator: " ")
    guard fields.count == 4, let bits = Int(fields[0]) else { return nil }
    return Vector(
      counterOctets: bits / 8, key: String(fields[1]), fixedInput: String(fields[2]), output: String(fields[3]))
  }

  @Test func allVectorsAreRead() {
    #expect(Self.vectors.count == 24)
  }

  @Test(arguments: vectors) func publishedVectors(vector: Vector) throws {
    let engine = try engine(with: hex(vector.key))
    let output = try derive(
      engine, counterOctets: vector.counterOctets, suffix: hex(vector.fixedInput), length: vector.output.count / 2)
    #expect(spell(output) == vector.output)
  }

  @Test func prefixStandsBeforeTheCounter() throws {
    let key = [UInt8](repeating: 7, count: 16)
    let (prefix, suffix): ([UInt8], [UInt8]) = ([1, 2, 3], [9, 8])
    let output = try derive(engine(with: key), prefix: prefix, counterOctets: 1, suffix: suffix, length: 20)
    let first = try CMAC.tag(Secret(copying: key), prefix + [1] + suffix)
    let second = try CMAC.tag(Secret(copying: key), prefix + [2] + suffix)
    #expect(output == first + second.prefix(4))
  }

  @Test(arguments: [16, 24, 32]) func aKeyDerivedIntoASlotIsTheSame(length: Int) throws {
    let engine = try engine(with: [UInt8](repeating: 7, count: 32))
    let suffix: [UInt8] = [1, 2, 3]
    let output = try derive(engine, counterOctets: 4, suffix: suffix, length: length)
    try engine.derive(
      .first, prefix: RawSpan(), counterOctets: 4, suffix: suffix.span.bytes, length: length, into: .second)
    var tag = Block(repeating: 0)
    try engine.cmac(.second, suffix.span.bytes, RawSpan(), into: &tag)
    #expect(tag.span.bytes.octets == (try CMAC.tag(Secret(copying: output), suffix)))
  }

  @Test(arguments: [0, 2, 3, 5, -1]) func othersThanOneOrFourCounterOctetsAreRefused(octets: Int) throws {
    let engine = try engine(with: [UInt8](repeating: 7, count: 32))
    #expect(throws: CryptoError.badLength) {
      try engine.derive(
        .first, prefix: RawSpan(), counterOctets: octets, suffix: RawSpan(), length: 16,
        into: .second)
    }
  }

  @Test func theHostDerivesWhatTheEngineDerives() throws {
    for label in KeyLabel.allCases {
      for (rootOctets, octets) in [(16, 16), (24, 24), (32, 32), (32, 1), (32, 17), (32, 4080)] {
        let root = [UInt8](repeating: 0x42, count: rootOctets)
        let serial = [UInt8](0..<8)
        func context(_ buffer: OctetBuffer) throws(OctetError) {
          try buffer.appendField(.rootVersion, UInt32(3))
          try buffer.appendField(.cardSerial, serial.span.bytes)
        }
        let host = try Derivation.kbkdf(Secret(copying: root), label: label, octets: octets, context: context)

        let engine = try engine(with: root)
        let input = OctetBuffer(capacity: 256)
        try input.becomeDerivationInput(label, keyOctets: octets, context: context)
        let fixedInput = input.withBytes { $0.octets }
        let output = try derive(engine, counterOctets: 4, suffix: fixedInput, length: octets)
        #expect(spell(host) == spell(output), "\(label), \(rootOctets) to \(octets)")
      }
    }
  }

  @Test func theHostRefusesLengthsOutOfRange() throws {
    let root = [UInt8](repeating: 1, count: 32)
    for octets in [0, -1, 4081, .max] {
      #expect(throws: CryptoError.badLength) {
        _ = try Derivation.kbkdf(Secret(copying: root), label: .right, octets: octets) { _ in }
      }
    }
    #expect(throws: CryptoError.badLength) {
      _ = try Derivation.kbkdf(Secret(copying: [1, 2, 3]), label: .right, octets: 16) { _ in }
    }
    #expect(throws: CryptoError.badLength) {
      _ = try Derivation.kbkdf(Secret(copying: root), label: .right, octets: 16) { (buffer) throws(OctetError) in
        try buffer.append(repeating: 0, count: 5000)
      }
    }
  }

  private func derive(
    _ engine: OpenSSLEngine, prefix: [UInt8] = [], counterOctets: Int, suffix: [UInt8], length: Int
  ) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: length)
    try change(&output) { (span) throws(CryptoError) in
      try engine.derive(
        .first, prefix: prefix.span.bytes, counterOctets: counterOctets, suffix: suffix.span.bytes, into: &span)
    }
    return output
  }
}

/// Vectors as published: bits of the counter, key, fixed input, output.
private enum CAVP {
  static let counterMode = """
    8 dff1e50ac0b69dc40f1051d46c2b069c c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b707d2607935699316ea5 8be8f0869b3c0ba97b71863d1b9f7813
    8 682e814d872397eba71170a693514904 e323cdfa7873a0d72cd86ffb4468744f097db60498f7d0e3a43bafd2d1af675e4a88338723b1236199705357c47bf1d89b2f4617a340980e6331625c dac9b6ca405749cfb065a0f1e42c7c4224d3d5db32fdafe9dee6ca193316f2c7
    8 7aa9973481d560f3be217ac3341144d8 46f88b5af7fb9e29262dd4e010143a0a9c465c627450ec74ab7251889529193e995c4b56ff55bc2fc8992a0df1ee8056f6816b7614fba4c12d3be1a5 1746ae4f09903f74bfbe1b8ae2b79d74576a3b09
    8 e91e0d06ab23a4e495bbcc430efddcaf 24acb8e9227b180f2ccebea48051cbdbcd1be2bf94400d1e92945fe9b887585a295f46c469036107697813a3e12c45ae2ffde9a940f8f8c181018a93 e81ef2483729d4165aaa4866c17f26496e6c6924e2fe34f608efef0c35835f86df29a1e19ce166a8
    32 c10b152e8c97b77e18704e0f0bd38305 98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71f497bcc6906b48d36c4 26faf61908ad9ee881b8305c221db53f
    32 695f1b1a16c949cea51cdf2554ec9d42 4fce5942832a390aa1cbe8a0bf9d202cb799e986c9d6b51f45e4d597a6b57f06a4ebfec6467335d116b7f5f9c5b954062f661820f5db2a5bbb3e0625 d34b601ec18c34dfa0f9e0b7523e218bdddb9befe8d08b6c0202d75ace0dba89
    32 b523ae21fc36bc58cc46e5a3cda97493 8dbe6d4d9b09b2eabd165b6e6e97e3bc782f8335cb1ea04ad0403affd88a5071db5f36ce2e84ab296261730b2226a9189d867991fbd4ff86f43a3cfb 530211df01975dd6c08064c34105f88a6007f2b2
    32 b2fcf854b1029888aeb0274ca09bb21a a6b84baae7a6ceb1d63ed704757500c510c0a8bdc22d2f42af09f79c815f37f33b67dad0b30f428fc1e2d355f7f91f65acbedd2fdd5b8c38dd890407 fe4c2c0242c5a295c008aeb87ae0815171de6173773292347f4f5ec07185c3f860b5667c199aad55
    8 53d1705caab7b06886e2dbb53eea349aa7419a034e2d92b9 b120f7ce30235784664deae3c40723ca0539b4521b9aece43501366cc5df1d9ea163c602702d0974665277c8a7f6a057733d66f928eb7548cf43e374 eae32661a323f6d06d0116bb739bd76a
    8 d10046bb18c3f363e87f4e57b961b294d4edf2ca91dc3e38 2d043069de979bffb1be38a3cef2869dc07d5d3e99bde2e2204f10138081743f423f0c0b1aec0735a25bc61a8e2936dec6a25bb0ae105ab46caf8a2a 8991a58882a0488bb5478996f2893989adb66d08d5030ad90f6ce5fdfca7754b
    8 bf0abb70098d6c203074f1bce3d7468116cd1e5e8e618f20 d9ce030a48668ada6c67a2ac163515ec22383c4b5332e18d06901bacbb63dd649c683cfd4fee2f33346817b23cb4c734060a1c727b0c72c12448f4f9 ecd1eef152b5835376f1a4324cd968bcb0cf850a
    8 8725918ca07ad8e108473e5ffdf43eb1cf5c44baf0bd1cec f4a57b84a881cf282aac5402cfa8fc4ede0db6f8e902d5c0c41c4712077306484e626e3ffc4129d9b43b46cbb6c53d2838a811dc8aedad7253cf94d4 5a795fd0d7661968c478860b526cca40eb8702083fdbff3ff8adfa697e795398ca7106bc950fbb45
    32 f4267280cb8667c2cf82bb37f389da6391f58cc74deba0cc 34abbc9f7b12622309a827de5abfdd51fb5bb824838fcde88ca7bc5f3953abdcb445147f13e809e294f75e6d4e3f13b66e47f2dfc881ed392e3a1bf6 2d1b4b5694b6741b2ed9c02c05474225
    32 dc866a038c4f78f22d46caca65892bcdb15c1eb49b275827 b4a123bad4890c7a791f5e192bd8b6e9c8c3620329f99249f11e1eb517a5b27b9e5b047a6591b45f6fff53e6d04b32d82e052af2eb8519bd21c10f93 731a2e23ab2e58551490254041ee8fabd9c5a1918d76307f1048535be0763b20
    32 dd5e0f1a30b0b722b00626ee663df29601af58082708e18c b7c6eb48c80b071080fd07a827d0bfdc781599862084f7ffd968a4cbff0be9a6adef5ea206aa8af4d8a85705953e33cd7c4cbb69969c73698f54c6b8 84e1ca286776cda0784c4fc48b054384ca565d17
    32 d64c598436507f4d05d7ebe780092996f281901dc9c8612f 0ea737cfca2560856917f3a2ff5e2175930d0719bba85a9c8d8cb311a0a1b8caf8ffe03e9a86ab17046670011c9fec5c5cd697d9cd931f615cdfe649 3c26968bd3997c653f79bb725c36d784b590d18a64678cf312abe8a57b2891c27282e37b6a49cd73
    8 aeb7201d055f754212b3e497bd0b25789a49e51da9f363df414a0f80e6f4e42c 11ec30761780d4c44acb1f26ca1eb770f87c0e74505e15b7e456b019ce0c38103c4d14afa1de71d340db51410596627512cf199fffa20ef8c5f4841e 2a9e2fe078bd4f5d3076d14d46f39fb2
    8 5402c978955128558789bee7b571465174a60582a7640037387f99ac16683173 5c7eb447481c2884a5398449eaecbb8b55f1f1981ba0fd187818d8b3581b430c3da52ab83d444e003625ff36fcbd160c67b18d85b6c9d00da1a15d15 f22a4686abe599c2194d21fc9071ffceb023dd9b24c13f05a3d44cfc77fec44a
    8 cac968a8ffd81c73948bdfb48bf8a29c1378517d3be294df9a8a80724075bdbd 08817bcd560edf810aa004194c817e455fb66bbc3b84fef1d66df2d1cebb3403c24231fa822f130c5d8fe886217122dcab15cb725197bbcbeb8010f5 651c43e113b32026b204119af394301f0cb9831c
    8 9debd1762a9643e967dbc174f2040e177b8053afb0829189a81fed94f8c365ee 6c4e1e3fdd7f5c97d58bcdda792642cbd271d6968f6a8e368013d88763d0b306c832b7ab46b84d099596972d12220a4e9c81f82d6f5003d18b93c595 2518a44ea347e924b03a7b4c966ec4e4bd76c1456d09096be9387638c2737faeebba4e2b921b19db
    32 d0b1b3b70b2393c48ca05159e7e28cbeadea93f28a7cdae964e5136070c45d5c dd2f151a3f173492a6fbbb602189d51ddf8ef79fc8e96b8fcbe6dabe73a35b48104f9dff2d63d48786d2b3af177091d646a9efae005bdfacb61a1214 8c449fb474d1c1d4d2a33827103b656a
    32 d54b6fd94f7cf98fd955517f937e9927f9536caebe148fba1818c1ba46bba3a4 94c4a0c69526196c1377cebf0a2ae0fb4b57797c61bea8eeb0518ca08652d14a5e1bd1b116b1794ac8a476acbdbbcd4f6142d7b8515bad09ec72f7af 2e1efed4aef3fdd324e098c0a07c0d97f8fd2c748a996ce29861ca042474daea
    32 99f212241a343c1c8c2104ca6d28062413d985c21e6bba27fde0c622e2e4e6b7 af8dc1cb7d1f82ca834628c20f0fc81920eb3ff3f75d3f4e3000593e9c15872479711d99d1b7be794f58d80a31bb112219dc16e6354111ab1161e21d 7f778c625bf0d083169a51584f6683f24af7c35e
    32 dabde95d751ff1c132bd49f80f4ee347bf39218cf8bfec61bc3ad865d9aa1182 55da554307ed756764d4e97febb77ce85391b53225ee09417ad57def48ead090e3d1e7c2ed04f02462a6324ea0163b18f86201c69db27fd50b4c42c5 5cc29221cfa6f3a4ded7afeef5a59c05bac787fc5e98a35ee0c96ba582b05c42f758966566084f69
    """
}
