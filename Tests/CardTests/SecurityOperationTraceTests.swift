import CardDriver
import CardProtocol
import ISO7816
import Testing

/// What a trace shows of security operations: signatures are public, keys are not.
@Suite struct SecurityOperationTraceTests {
  private static let key = [UInt8](repeating: 7, count: 32)

  @Test func keysAreHidden() throws {
    let encipher = CommandAPDU.encipher(key: Self.key).schema
    #expect(encipher.carriesSecret && !encipher.answersSecret)
    let decipher = CommandAPDU.decipher(cryptogram: [0x80] + Self.key).schema
    #expect(!decipher.carriesSecret && decipher.answersSecret)
    // An operation that nobody thought of, and whatever is in an envelope.
    let unknown = CommandAPDU(cla: 0, ins: 0x2A, p1: 0x90, p2: 0x80, data: Self.key).schema
    #expect(unknown.carriesSecret && unknown.answersSecret)
    let envelope = try #require(try CommandAPDU.envelopes(of: .verify(.pin, value: Self.key)).first).schema
    #expect(envelope.carriesSecret && envelope.answersSecret)
  }

  @Test func signaturesAndNamesOfKeysAreShown() {
    for command: CommandAPDU in [
      .computeSignature(digest: Self.key), .verifySignature(digest: Self.key, signature: Self.key + Self.key),
      .setCipherKey(nil, level: .right, codeIndex: 0), .setMutualAuthentication(), .openChannel(),
      .externalAuthenticate(signature: Self.key + Self.key),
    ] {
      #expect(!command.schema.carriesSecret && !command.schema.answersSecret, "\(command.schema.name)")
      #expect(!command.onChannel(2).schema.carriesSecret)
    }
  }
}
