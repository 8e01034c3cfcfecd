import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import TestSupport
import Testing

@testable import CardFirmware

/// Power cuts at every program and erase operation of every command that changes the card, with every way a word may tear.
///
/// A command passes through few durable states: the one before, and one after each batch that it commits. Whatever the
/// cut, the next power-on shows one of these; an answer that the host has seen stands for good.
@Suite struct CardPowerCutTests {
  /// A command, and how the card gets to where it makes sense.
  struct Scenario: CustomTestStringConvertible, Sendable {
    var name: String
    /// Durable states it passes through, the one before included.
    var states = 2
    /// What happens in a card session before; security state of the session included.
    var prepare: @Sendable (TestCard) throws -> Void
    var command: @Sendable (TestCard) throws -> ResponseAPDU
    /// Whether it can be sent again after a cut, until it is done.
    var isRepeatable = false
    /// What else shows the state, where no answer of ``observe(_:_:)`` does.
    var probe: (@Sendable (TestCard) throws -> ResponseAPDU)?

    var testDescription: String { name }
  }

  @Test(arguments: CardPowerCutTests.scenarios) func everyOperationCut(_ scenario: Scenario) throws {
    let chance = Randomness("card power cuts, \(scenario.name)")
    let flash = try CardPowerCutTests.flash(for: scenario, chance)
    try cutEverywhere(scenario, flash, chance)
  }

  /// The same on a flash that is full of old records, so that the command itself compacts, erases and opens a page.
  @Test(arguments: CardPowerCutTests.scenarios) func everyOperationCutOnAWornFlash(_ scenario: Scenario) throws {
    let chance = Randomness("worn card power cuts, \(scenario.name)")
    let flash = try CardPowerCutTests.flash(for: scenario, chance)
    let fresh = flash.snapshot
    var erases = false
    for room in stride(from: 16, to: 1_600, by: 48) where !erases {
      flash.restore(fresh)
      try CardPowerCutTests.wear(flash, leaving: room)
      let worn = flash.snapshot
      let card = try TestCard(flash: flash)
      try scenario.prepare(card)
      let before = flash.erasures.reduce(0, +)
      _ = try scenario.command(card)
      erases = flash.erasures.reduce(0, +) > before
      flash.restore(worn)
    }
    try #require(erases, "no room was small enough for the command to erase a page")
    try cutEverywhere(scenario, flash, chance)
  }

  private static func flash(for scenario: Scenario, _ chance: Randomness) throws -> SimulatedFlash {
    let flash = SimulatedFlash(pageSize: 4_096, pageCount: 12, wordSize: 16, chance: chance)
    try TestCard.manufacture(in: flash)
    if !scenario.name.hasPrefix("individual") { try TestCard(flash: flash).issue() }
    return flash
  }

  /// Writes a value that no card has until every page was used and about `room` octets are left in the newest one.
  private static func wear(_ flash: SimulatedFlash, leaving room: Int) throws {
    let store = try KeyValueStore(flash: flash)
    func left() -> Int {
      store.geometry.pageStart(store.log.headPage) + store.geometry.pageSize - store.log.headOffset
    }
    func write(_ octets: Int) throws {
      let filler = [UInt8](repeating: 0x5A, count: octets)
      store.begin()
      try store.put(StoreKey(rawValue: 0x7F00), filler.span.bytes)
      try store.commit()
    }
    while store.log.headSequence < 14 || left() > room + 1_000 || left() < room + 300 { try write(48) }
    let start = left()
    try write(16)
    // Every batch costs as much as this one, but for its value.
    try write(max(0, left() - room - (start - left() - 16)))
  }

  private func cutEverywhere(_ scenario: Scenario, _ flash: SimulatedFlash, _ chance: Randomness) throws {
    let before = flash.snapshot
    let (states, operations, status) = try rehearse(scenario, flash, before)
    #expect(states.count == scenario.states)
    var cuts = 0
    let step = max(1, chance.soak(operations / 12, full: 1))
    for operation in stride(from: 0, through: operations, by: step) {
      for tear in Tear.allCases {
        flash.restore(before)
        let card = try TestCard(flash: flash)
        try scenario.prepare(card)
        flash.cut = SimulatedFlash.Cut(operations: operation, tear: tear)
        let answer = try? scenario.command(card)
        let wasCut = flash.isOff
        flash.powerOn()
        let found = try observe(flash, scenario)
        let isState = states.contains(found)
        try #require(isState, "cut at \(operation), \(tear)")
        // What was answered was durable before; the card answers 6581 to what it could not finish.
        if answer?.status == status { try #require(found == states.last, "answered, cut at \(operation), \(tear)") }
        if !wasCut { try #require(answer?.status == status) }
        if scenario.isRepeatable { try repeatUntilDone(scenario, flash, states) }
        #expect(flash.violations == 0)
        cuts += 1
      }
    }
    print("\(cuts) cuts of \(scenario.name)")
  }

  /// Runs the scenario without a cut, and looks at the card wherever something became durable.
  private func rehearse(
    _ scenario: Scenario, _ flash: SimulatedFlash, _ before: SimulatedFlash.Snapshot
  ) throws -> (states: [[[UInt8]]], operations: Int, status: StatusWord) {
    let card = try TestCard(flash: flash)
    try scenario.prepare(card)
    var durable = [flash.snapshot]
    let first = flash.operations
    flash.onSync = { durable.append($0) }
    let answer = try scenario.command(card)
    flash.onSync = nil
    let operations = flash.operations - first
    var states: [[[UInt8]]] = []
    for snapshot in durable {
      flash.restore(snapshot)
      let state = try observe(flash, scenario)
      if state != states.last { states.append(state) }
    }
    flash.restore(before)
    return (states, operations, answer.status)
  }

  /// Sent again, the command is done once, however often it was cut before.
  private func repeatUntilDone(_ scenario: Scenario, _ flash: SimulatedFlash, _ states: [[[UInt8]]]) throws {
    let card = try TestCard(flash: flash)
    try scenario.prepare(card)
    try #require(try scenario.command(card).status == .ok)
    flash.powerOn()
    try #require(try observe(flash, scenario) == states.last, "done again, it is not what it was once")
  }

  /// Everything that the card shows, and which PINs and PUKs it takes; the flash is as before afterwards.
  private func observe(_ flash: SimulatedFlash, _ scenario: Scenario) throws -> [[UInt8]] {
    let card = try TestCard(flash: flash)
    let settled = flash.snapshot
    var shown = try DataTag.allCases.map { try answer(card, .getData($0)) }
    shown.append(try answer(card, .listCodes(from: 0)))
    for value in [TestCard.pin, CardPowerCutTests.newPIN] {
      let other = try TestCard(flash: flash)
      shown.append(try answer(other, .verify(.pin, value: value)))
      shown.append(try answer(other, .select(file: 0x0101)))
      shown.append(try answer(other, .readBinary(offset: 0, count: 256)))
      flash.restore(settled)
    }
    if let probe = scenario.probe {
      let other = try TestCard(flash: flash)
      let answer = try probe(other)
      shown.append([UInt8(answer.status.rawValue >> 8), UInt8(answer.status.rawValue & 0xFF)])
      flash.restore(settled)
    }
    return shown
  }

  private func answer(_ card: TestCard, _ command: CommandAPDU) throws -> [UInt8] {
    let answer = try card.send(command)
    return answer.data + [UInt8(answer.status.rawValue >> 8), UInt8(answer.status.rawValue & 0xFF)]
  }
}
