import Testing

@testable import CenterServer

/// How many connections there may be, of one address and of all.
@Suite struct ConnectionTableTests {
  private let own = ClientAddress(IPAddress("192.0.2.1"))
  private let other = ClientAddress(IPAddress("192.0.2.2"))

  private func table(_ connections: Int, perAddress: Int) -> ConnectionTable {
    var limits = ServerLimits()
    (limits.connections, limits.connectionsPerAddress) = (connections, perAddress)
    return ConnectionTable(limits)
  }

  @Test func oneAddressHasSoManyAndAllTogetherHaveSoMany() {
    let table = table(4, perAddress: 2)
    #expect([own, own, own].map { table.open($0)?.kind } == [nil, nil, .tooMany])
    // What is refused counts until it is closed: it is open, after all.
    #expect(table.count == 3)
    #expect([other, other].map { table.open($0)?.kind } == [nil, .unavailable])
    for address in [own, other] { table.close(address) }
    #expect(table.count == 3)
    #expect(table.open(other) == nil)
    for address in [own, own, other, other] { table.close(address) }
    #expect(table.count == 0)
    #expect([own, own, own].map { table.open($0)?.kind } == [nil, nil, .tooMany])
  }

  @Test func aProxyHasAsManyAsThereAre() {
    let table = table(4, perAddress: 2)
    #expect((0..<5).map { _ in table.open(own, isProxy: true)?.kind } == [nil, nil, nil, nil, .unavailable])
  }
}
