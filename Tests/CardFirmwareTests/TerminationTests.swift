import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Identifiers
import Octets
import TestSupport
import Testing

@testable import CardFirmware

/// What the end of a card leaves in its flash, whatever power cuts come in between: nothing that is secret.
@Suite struct TerminationTests {
  private static let keySet = (0..<3).map { SeededRandom(seed: 970 + $0).octets(32) }
  private static let code = SeededRandom(seed: 975).octets(10)

  /// A card with every kind of secret, each of which is somewhere in its flash.
  private func specimen(_ chance: Randomness) throws -> (flash: SimulatedFlash, secrets: [[UInt8]]) {
    let flash = SimulatedFlash(pageSize: 4_096, pageCount: 12, wordSize: 16, chance: chance)
    try TestCard.manufacture(in: flash)
    let card = try TestCard(flash: flash)
    try card.issue()
    try card.expectOK(card.putKey(version: 0x02, Self.keySet))
    for pair in CommandAPDU.KeyPair.allCases { try card.expectOK(card.sendSecured(.generateKeyPair(pair))) }
    let title = try #require(SoftwareID(octets: [UInt8](repeating: 0x53, count: 16)))
    let batch = ChargeBatch(
      number: 1, records: [ChargeRecord(code: Self.code, generationKey: 1, softwareID: title)])
    try card.expectOK(card.storeData(BERTLV.encode(tag: 0xDF30, value: try batch.encoded())))
    let store = try KeyValueStore(flash: flash)
    let scalars = try CommandAPDU.KeyPair.allCases.map { pair in
      try #require(store.withValue(CardLayout.keyPair(pair.rawValue)) { Array($0.octets[..<32]) })
    }
    let secrets =
      [TestCard.individualKey, [UInt8](repeating: 0x61, count: 32), TestCard.pin, TestCard.puk, Self.code]
      + [Array(TestCard.transportKeys[..<32])] + Self.keySet + scalars
    for secret in secrets { try #require(flash.image.contains(secret)) }
    return (flash, secrets)
  }

  /// A cut at any operation of the end itself, and another while the next power-on makes up for it.
  @Test func noCutLeavesASecretInTheFlash() throws {
    var chance = Randomness("cuts of the end of a card")
    let (flash, secrets) = try specimen(chance)
    let before = flash.snapshot
    func end() throws -> StatusWord? {
      let card = try TestCard(flash: flash)
      try card.openSession()
      let serial = try #require(CardSerial(octets: TestCard.serial))
      return try? card.sendSecured(.setStatus(.terminated, serial: serial)).status
    }
    let first = flash.operations
    #expect(try end() == .ok)
    let operations = flash.operations - first
    var ends = 0
    for operation in stride(from: 0, through: operations, by: max(1, chance.soak(operations / 32, full: 1))) {
      for tear in Tear.allCases {
        flash.restore(before)
        flash.cut = SimulatedFlash.Cut(operations: operation, tear: tear)
        let answer = try end()
        let wasCut = flash.isOff
        flash.powerOn()
        flash.cut = SimulatedFlash.Cut(operations: Int.random(in: 0..<40, using: &chance.generator), tear: tear)
        // Whether or not this power-on comes to its end, the one after it does.
        _ = try? TestCard(flash: flash)
        flash.powerOn()
        let card = try TestCard(flash: flash)
        let status = try card.send(.getData(.applicationStatus)).data
        let isEnded = try #require(try BERTLV.firstValue(of: 0x80, in: status.span.bytes)?.octets) == [0xFF]
        if answer == .ok || !wasCut { try #require(isEnded) }
        guard isEnded else { continue }
        ends += 1
        let image = Data(flash.image)
        for secret in secrets { try #require(image.range(of: Data(secret)) == nil, "cut at \(operation), \(tear)") }
        #expect(try KeyValueStore(flash: flash).withValue(CardLayout.unscrubbed) { _ in true } == nil)
      }
    }
    #expect(ends > 0)
    print("\(ends) ends of a card")
  }
}
