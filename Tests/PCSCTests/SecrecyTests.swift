import CardConformance
import CardDriver
import CardEmulator
import Cryptography
import Foundation
import ISO7816
import Octets
import Synchronization
import Testing

/// Nothing that is said about a card on its way tells a key, a PIN or a code.
@Suite(.noHang) struct SecrecyTests {
  /// All that was said.
  private final class Transcript: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var count: Int { lines.withLock { $0.count } }
  }

  /// A whole life of a card in a reader: every command there is, good and bad, through `wrap`.
  ///
  /// - Returns: what may be told to nobody.
  private func life(
    _ line: TransmissionProtocol, _ transcript: Transcript, _ wrap: (any APDUTransport) -> any APDUTransport
  ) throws -> [(name: String, octets: [UInt8])] {
    let made = try Cards.blank(line)
    let keys = made.production.transportKeys.withBytes { $0.octets }
    let secrets = try KnownCard(seed: 7).secrets(serial: made.production.serial) + [("transport keys", keys)]
    try Slots.withReader { slot in
      let insertion = try slot.insert(made.card) { transcript.add("\($0)") }
      try ReaderContext().connect(to: slot.name, timeout: .seconds(60)).withTransaction { transaction in
        let failures = try Conformance.failures(
          of: CardUnderTest(
            transport: wrap(transaction.transport), transportKeys: keys, transmissionProtocol: line))
        #expect(failures.isEmpty, "\(failures)")
        let card = try WarifuCard(CardConnection(wrap(transaction.transport)))
        for pin in ["72905164", "72905163"] {
          do {
            try card.verify(pin: Secret(copying: Array(pin.utf8)))
            _ = try card.handOver(index: 60_000)
          } catch {
            transcript.add("\(error)")
            transcript.add(String(reflecting: error))
          }
        }
      }
      try slot.eject(insertion)
    }
    return secrets
  }

  /// Every form in which somebody might write octets down.
  private func forms(of octets: [UInt8]) -> [String] {
    let hexadecimal = Hex.encode(octets)
    let spaced = octets.map { Hex.encode([$0]) }
    let decimal = octets.map { "\($0)" }
    let base64 = Data(octets).base64EncodedString().replacing("=", with: "")
    return [
      hexadecimal, hexadecimal.lowercased(), spaced.joined(separator: " "), spaced.joined(separator: ":"),
      spaced.joined(separator: " ").lowercased(), spaced.joined(separator: ":").lowercased(),
      decimal.joined(separator: ", "), decimal.joined(separator: ","), decimal.joined(separator: " "), base64,
      base64.replacing("+", with: "-").replacing("/", with: "_"), String(decoding: octets, as: UTF8.self),
    ]
  }

  /// What of the secrets is in the text: whole, or any eight octets of a longer one.
  private func leaks(_ secrets: [(name: String, octets: [UInt8])], in text: String) -> Set<String> {
    var found: Set<String> = []
    for (name, octets) in secrets {
      let pieces = stride(from: 0, through: octets.count - 8, by: 8).map { Array(octets[$0..<($0 + 8)]) }
      if ([octets] + pieces).flatMap(forms).contains(where: text.contains) { found.insert(name) }
    }
    return found
  }

  @Test(arguments: lines) func aTraceTellsNoSecret(line: TransmissionProtocol) throws {
    let transcript = Transcript()
    let secrets = try life(line, transcript) { TracingTransport($0) { transcript.add($0) } }
    #expect(transcript.count > 1_000)
    #expect(leaks(secrets, in: transcript.text).isEmpty)
  }

  /// The same search in what really went over the line finds what goes there in the clear: PIN, PUK and codes. Keys
  /// never do, not even there.
  @Test func theLineItselfTellsTheHoldersSecretsAndNoKey() throws {
    let transcript = Transcript()
    let secrets = try life(.t1, transcript) { NaiveTrace($0, transcript) }
    #expect(
      leaks(secrets, in: transcript.text) == ["PIN", "PUK", "code 0", "code 1", "code 2", "code 3"])
  }

  /// Writes down everything as it is.
  private final class NaiveTrace: APDUTransport {
    private let transport: any APDUTransport
    private let transcript: Transcript

    init(_ transport: any APDUTransport, _ transcript: Transcript) {
      self.transport = transport
      self.transcript = transcript
    }

    var limits: CardTransportLimits { transport.limits }

    func reset() throws(CardTransportError) -> [UInt8] { try transport.reset() }

    func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
      let answer = try transport.transmit(command)
      transcript.add(Hex.encode(command) + " " + Hex.encode(answer))
      return answer
    }
  }
}
