import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel

/// What an issuer may do.
extension Conformance {
  private static func furtherSession(_ bench: ConformanceBench, _ keys: [UInt8]) throws -> AdministrationSession {
    try AdministrationSession(
      bench.connection, keys: Secret(copying: keys), keyVersion: KnownCard.furtherSet, random: SystemRandom())
  }

  static let secureChannels: [Check] = [
    Check(name: "SCP03 works at every level, with bodies and without, with answers and without") { bench in
      let levels: [SecurityLevel] = SecurityLevel.defined.filter { $0.contains(.commandMAC) }
      for level in levels {
        try bench.connection.reset()
        var session = try bench.known.administration(bench.connection, level: level)
        let status = try session.data(.getData(.applicationStatus), operation: "check")
        try bench.demand(status, is: try session.data(.getData(.applicationStatus), operation: "check"))
        let refusal = try session.exchange(.verify(.pin), operation: "check")
        try bench.demand(refusal.status.retriesLeft, is: 3, "tries left at level \(level.rawValue)")
        let pin = KnownCard.padded(bench.known.pin)
        try session.data(.verify(.pin, value: pin), operation: "check")
        try session.data(.verify(.pin), operation: "check")
        try bench.demand(try session.data(.handOverCode(index: 0), operation: "check").count, is: 26)
      }
    },
    Check(name: "a further set of AES-128 keys opens the channel, too") { bench in
      var session = try furtherSession(bench, bench.known.furtherKeys)
      try bench.demand(try session.data(.getData(.productionLifeCycle), operation: "check").count, is: 45)
    },
    Check(name: "wrong keys open nothing") { bench in
      let wrong = bench.known.furtherKeys.map { $0 ^ 1 }
      do {
        _ = try furtherSession(bench, wrong)
        throw Unmet("the host took the card", #line)
      } catch is CardError {}
      let authenticate = CommandAPDU(
        cla: 0x84, ins: 0x82, p1: 0x33, p2: 0, data: [UInt8](repeating: 0xA5, count: 16))
      try bench.demand(try bench.status(authenticate), is: .securityStatusNotSatisfied)
      try bench.demand(try bench.status(authenticate), is: .conditionsNotSatisfied)
      _ = try furtherSession(bench, bench.known.furtherKeys)
    },
    Check(name: "an altered command ends the session") { bench in
      var session = try bench.known.administration(bench.connection)
      try session.data(.getData(.applicationStatus), operation: "check")
      let forged = CommandAPDU(cla: 0x84, ins: 0xCA, p1: 0xDF, p2: 0x20, data: [UInt8](repeating: 0, count: 24))
      try bench.demand(try bench.status(forged), is: .securityStatusNotSatisfied)
      try bench.demandRefusal(.conditionsNotSatisfied) {
        try session.data(.getData(.applicationStatus), operation: "check")
      }
    },
    Check(name: "a reset ends the session") { bench in
      var session = try bench.known.administration(bench.connection)
      try session.data(.getData(.applicationStatus), operation: "check")
      try bench.connection.reset()
      try bench.demandRefusal(.conditionsNotSatisfied) {
        try session.data(.getData(.applicationStatus), operation: "check")
      }
    },
  ]

  static let charging: [Check] = [
    Check(name: "a charge gives a receipt, repeated the same one, and any other number nothing") { bench in
      let before = try bench.card().status()
      let batch = try bench.known.batch(before.chargeCounter + 1)
      let octets = try batch.encoded()
      var session = try bench.known.administration(bench.connection)
      let receipt = try session.storeData(object(.chargeBatch, octets))
      let parsed = try ChargeReceipt(receipt.span.bytes)
      try bench.demand(parsed.number, is: batch.number)
      try bench.demand(parsed.digest, is: Digest.sha256(octets))
      try bench.demand(Int(parsed.count), is: batch.records.count)
      try bench.demand(try session.storeData(object(.chargeBatch, octets)), is: receipt)
      for number in [batch.number, batch.number + 2, 0] {
        var other = try bench.known.batch(number)
        other.records.removeLast()
        let encoded = object(.chargeBatch, try other.encoded())
        try bench.demandRefusal(.conditionsNotSatisfied) { _ = try session.storeData(encoded) }
      }
      try bench.connection.reset()
      let card = try bench.card()
      try bench.demand(try card.status().codeCount, is: before.codeCount + batch.records.count)
      try bench.demand(try card.lastReceipt(), is: parsed)
    },
    Check(name: "a charge that a reset broke off never was") { bench in
      let before = try bench.card().status()
      let encoded = object(.chargeBatch, try bench.known.batch(before.chargeCounter + 1).encoded())
      let blocks = try CommandAPDU.storeData(encoded, blockOctets: 64)
      do {
        var session = try bench.known.administration(bench.connection)
        for block in blocks.dropLast() { try session.data(block, operation: "check") }
      }
      try bench.connection.reset()
      try bench.demand(try bench.card().status(), is: before)
    },
  ]

  static let endurance: [Check] = [
    Check(name: "a large charge arrives, in as few commands as card and way allow") { bench in
      let count = 300
      let before = try bench.card().status()
      let random = SeededRandom(seed: 9)
      var batch = try bench.known.batch(before.chargeCounter + 1)
      batch.records = (0..<count).map { index in
        var record = batch.records[index % batch.records.count]
        record.code = random.octets(CardProtocol.codeOctets)
        return record
      }
      var session = try bench.known.administration(bench.connection)
      _ = try session.storeData(object(.chargeBatch, try batch.encoded()))
      try bench.connection.reset()
      let card = try bench.card()
      try bench.demand(try card.codes().count, is: before.codeCount + count)
    },
    Check(name: "it is the same card after all that") { bench in
      let status = try bench.card().status()
      try bench.demand(status.pinTries, is: 3, "tries left")
      try bench.demand(status.lifeCycle, is: .secured)
    },
  ]
}
