import CardConformance
import CardEmulator
import CardProtocol
import ISO7816
import Octets
import Testing

/// yubikey-manager, a host that knows nothing of ours, opens our secure channel and works in it.
@Suite(.noHang) struct ForeignSecureChannelTests {
  private func play(_ task: String, _ card: EmulatedCard, version: UInt8, keys: [UInt8]) throws {
    try Slots.withCard(card) { reader in
      _ = try run(
        "python3", [client("yubikey_client.py"), task, reader.name, Hex.encode([version]), Hex.encode(keys)])
    }
  }

  /// GlobalPlatform's public test key, three times.
  private static let testKeys = Array(repeating: (0x40...0x4F).map { UInt8($0) }, count: 3).flatMap { $0 }

  @Test(arguments: lines) func opensACardWithTestKeys(line: TransmissionProtocol) throws {
    let made = try Cards.blank(line, testKeys: true)
    try play("test-keys", made.card, version: KeyVersion.testSet, keys: ForeignSecureChannelTests.testKeys)
  }

  @Test(arguments: lines) func worksOnAnIssuedCard(line: TransmissionProtocol) throws {
    let (card, known) = try Cards.issued(line)
    try play("issued", card, version: KnownCard.furtherSet, keys: known.furtherKeys)
  }

  @Test(arguments: lines) func isRefusedWithWrongKeys(line: TransmissionProtocol) throws {
    let (card, known) = try Cards.issued(line)
    try play("wrong-keys", card, version: KnownCard.furtherSet, keys: known.furtherKeys)
  }
}
