import Cryptography
import Identifiers
import Octets
import SecureChannel
import Testing

/// Our own derivations, frozen: a change here makes every card and licence in the field unreadable.
///
/// Each value stands three times: frozen in the table, computed by us, and computed by Python's `cryptography`.
@Suite struct FrozenDerivationTests {
  struct Derived: Sendable {
    var label: KeyLabel
    var fields: [(FieldType, String)]
    var key: String
  }

  private static let root = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

  static let keys: [Derived] = [
    Derived(
      label: .individualKey, fields: [(.cardSerial, "5741520000000001")],
      key: "8425491877e8aaa9f0176a46af2286be5c117e076bd25304d01f4d22feaef207"),
    Derived(
      label: .channelEncryption, fields: [], key: "c0b77ec6e8de6511db3a99811e2fce2cbda193b91fbf4d6eda5e829c2d134576"),
    Derived(label: .channelMAC, fields: [], key: "427d6202206322b203ab867e76eabb479b01135c419b68683557b5ffa541b585"),
    Derived(
      label: .channelDataEncryption, fields: [], key: "b1756af03c867e26228d333a2ae3396a9c9db6435847526504cd585d9e1d5d40"
    ),
    Derived(
      label: .copyLicenseUserKey, fields: [], key: "123263640ab716bf9d926d04272f58b33ace2e20d7afaee0d80d61ee8e41b508"),
    Derived(label: .chargeReceipt, fields: [], key: "f90ed2552b2cf09eb6487f8ea592fb51e261cb762bd2fe38341c622481bc88ae"),
    Derived(
      label: .conversionSecret, fields: [], key: "368b04536ed47003e6f6497dcff168d6a4e3e2d1ffdbf885afab2f3e8af9705f"),
    Derived(
      label: .sharedKey,
      fields: [
        (.cardSerial, "5741520000000001"), (.peerSerial, "5741520000000002"), (.sharedKeyNumber, "00000007"),
      ],
      key: "67c4dce8b6124274024ed8c507add4accd0cf3bdfe3c19f78ade79cd13529808"),
    Derived(
      label: .right, fields: [(.retrievalCode, "00112233445566778899")],
      key: "3f3eb4a7bfb8f7a3b3176b84fd0796816b0a1818c7fcdddfc3ff0a928b7f8219"),
    Derived(
      label: .message, fields: [(.messageID, "6d6573736167652d31")],
      key: "06af80bc65a7ffc47c4e38b346bbcf8fdfa77c90199c58b4922704c8db2af3d1"),
    Derived(
      label: .message, fields: [(.messageID, "")],
      key: "68602b85b8f51723f4f26f137e931f6e63d2542681fec68fd8fdfe8cae9ce36d"),
    Derived(label: .wrapping, fields: [], key: "abf38f37cde1bc494838ff42e9cf2679fcab6677e9e966efa7b4041136cd5efa"),
    Derived(
      label: .certificationKey, fields: [(.rootVersion, "00000001"), (.licenseNumber, "000000000000002a")],
      key: "bf749405b30dee6cc61eedd9218caa837025613a7ae8f5e6f3b2f5bf5e885e6e"),
    Derived(
      label: .content, fields: [(.certificateInput, "0300100a0b")],
      key: "57c3cc31cd3b9ccfbbfc28ebdf1770e979e33ba7610b478e02705b53281c99c2"),
    Derived(
      label: .targetMedium, fields: [(.mediumID, "c0ffee01")],
      key: "86d53759babab34ec39a717795b89268c7db45ae9215dfdd632cacf4748066ff"),
    Derived(
      label: .masterMedium, fields: [(.softwareID, "000102030405060708090a0b0c0d0e0f")],
      key: "f1d0544ba4247056a342038d42ace8141723455b9617e07be2f4871d54649643"),
  ]

  @Test(arguments: keys) func keysStayWhatTheyWere(derived: Derived) throws {
    var fields: [(FieldType, [UInt8])] = []
    for (type, value) in derived.fields { fields.append((type, try hex(value))) }
    let key = try Derivation.kbkdf(secret(Self.root), label: derived.label, octets: 32) { (buffer) throws(OctetError) in
      for (type, value) in fields { try buffer.appendField(type, value.span.bytes) }
    }
    #expect(spell(key) == derived.key)
    #expect(spell(key) == (try foreign(derived)))
  }

  @Test func differentPurposesGiveDifferentKeys() throws {
    var seen: Set<String> = []
    for label in KeyLabel.allCases {
      seen.insert(spell(try Derivation.kbkdf(secret(Self.root), label: label, octets: 32) { _ in }))
    }
    #expect(seen.count == KeyLabel.allCases.count)
  }

  private func foreign(_ derived: Derived) throws -> String {
    struct Question: Encodable {
      var root, label: String
      var fields: [Field]
      struct Field: Encodable {
        var type: UInt8
        var value: String
      }
    }
    let script = """
      import sys, json
      from cryptography.hazmat.primitives.ciphers import algorithms
      from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, Mode, CounterLocation
      q = json.load(sys.stdin)
      context = b""
      for field in q["fields"]:
          value = bytes.fromhex(field["value"])
          context += bytes([field["type"]]) + len(value).to_bytes(2, "big") + value
      kdf = KBKDFCMAC(algorithm=algorithms.AES, mode=Mode.CounterMode, length=32, rlen=4, llen=4,
                      location=CounterLocation.BeforeFixed, label=q["label"].encode(), context=context, fixed=None)
      print(json.dumps(kdf.derive(bytes.fromhex(q["root"])).hex()))
      """
    let question = Question(
      root: Self.root, label: "\(derived.label.text)",
      fields: derived.fields.map { Question.Field(type: $0.0.rawValue, value: $0.1) })
    return try python(script, question)
  }
}
