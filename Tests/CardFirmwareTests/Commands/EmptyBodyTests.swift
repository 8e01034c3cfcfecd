import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// Commands without a body inside a session (Amendment D, 6.2.6): hosts send them as they are or as one block of padding,
/// and the card takes both.
///
/// yubikey-manager (yubikit.core.smartcard.ScpProcessor) pads and encrypts every body, empty ones too, never counts Le into
/// its MAC, and takes the MAC over extended lengths as soon as body and MAC have over 255 octets.
@Suite struct EmptyBodyTests {
  /// How a host writes an empty body.
  enum Form: CaseIterable { case plain, padded }

  /// A host that does what the standard lets it, step by step, with the session keys laid open.
  private final class Host {
    let bench: Bench
    let engine: OpenSSLEngine
    let enc = KeySlot(rawValue: 3), mac = KeySlot(rawValue: 4), rmac = KeySlot(rawValue: 5)
    var chaining = [UInt8](repeating: 0, count: 16)
    var counter: UInt8 = 0

    init(_ bench: Bench, level: SecurityLevel) throws {
      self.bench = bench
      engine = OpenSSLEngine(random: bench.random)
      let keys = try Bench.individualSet()
      for index in 0..<3 {
        let part = Array(keys[(32 * index)..<(32 * index + 32)])
        try engine.load(part.span.bytes, into: KeySlot(rawValue: UInt8(index)))
      }
      var host = SecureChannelHost(
        engine: engine,
        staticKeys: StaticKeySlots(enc: KeySlot(rawValue: 0), mac: KeySlot(rawValue: 1), dek: KeySlot(rawValue: 2)),
        sessionKeys: SessionKeySlots(enc: enc, mac: mac, rmac: rmac), mode: .s8, level: level,
        keyVersion: KeyVersion.individualSet, hostChallenge: Bench.puk)
      let authenticate = try host.externalAuthenticate(after: try bench.whole(host.initializeUpdate()))
      chaining = try tag(mac, [0x84, 0x82, authenticate.p1, 0, 16] + authenticate.data.prefix(8))
      try host.confirm(try bench.send(authenticate))
      held = consume host
    }

    /// The host of this library; it holds the session keys in their slots as long as it lives.
    private var held: SecureChannelHost?

    private func tag(_ key: KeySlot, _ message: [UInt8]) throws -> [UInt8] {
      let chain = chaining
      var tag = Block(repeating: 0)
      try engine.cmac(key, chain.span.bytes, message.span.bytes, into: &tag)
      return tag.span.bytes.octets
    }

    /// Sends a command with an empty body, and checks the R-MAC.
    func send(_ ins: UInt8, _ p1: UInt8, _ p2: UInt8, _ form: Form) throws -> ResponseAPDU {
      counter += 1
      let body = form == .plain ? [] : try padding()
      chaining = try tag(mac, [0x84, ins, p1, p2, UInt8(body.count + 8)] + body)
      let command = CommandAPDU(cla: 0x84, ins: ins, p1: p1, p2: p2, data: body + chaining.prefix(8), le: 256)
      let response = try bench.whole(command)
      guard response.status.carriesResponseMAC else { return response }
      let status = [response.status.sw1, response.status.sw2]
      let expected = try tag(rmac, Array(response.data.dropLast(8)) + status).prefix(8)
      #expect(response.data.suffix(8) == expected)
      return response
    }

    /// One block of padding, encrypted under the command's counter.
    private func padding() throws -> [UInt8] {
      var vector = Block(repeating: 0)
      vector[15] = counter
      try engine.encryptBlock(enc, &vector)
      var block: [UInt8] = [0x80] + [UInt8](repeating: 0, count: 15)
      var span = block.mutableSpan
      var bytes = span.mutableBytes
      try engine.encryptCBC(enc, iv: vector, &bytes)
      return block
    }
  }

  @Test(arguments: [SecurityLevel.full, [.commandMAC, .commandDecryption, .responseMAC]])
  func bothFormsAreTakenInAnyOrder(_ level: SecurityLevel) throws {
    let host = try Host(try Bench.issued(), level: level)
    for form in Form.allCases + Form.allCases.reversed() + [.plain, .plain, .padded] {
      // No body, an answer.
      let status = try host.send(0xCA, 0xDF, 0x20, form)
      #expect(status.status == .ok && status.data.count > 8)
      // No body, and an error: the word goes alone.
      #expect(try host.send(0xCA, 0x00, 0xC1, form) == ResponseAPDU(data: [], status: .referencedDataNotFound))
      // LIST CODES beyond the last: 9000 without data still has its MAC.
      #expect(try host.send(0x1C, 0x00, 0x0C, form).data.count == 8)
    }
  }
}
