import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// The card keeps running after any octets whatsoever, tells no key, and changes nothing that no command may change.
@Suite struct FuzzTests {
  /// Half of the commands random octets, half made by a grammar inside an open session.
  private func fuzz(_ bench: Bench, _ state: LifeCycle, count: Int, _ seed: inout CommandSeed) throws {
    var witness = try Witness(bench)
    var grammar = try CommandGrammar()
    let version: UInt8 =
      state == .operatingReady || state == .initialized ? KeyVersion.transportSet : KeyVersion.individualSet
    var session: BenchSession?
    var refusals = 0
    var accepted = 0
    for round in 0..<count {
      if seed.below(400) == 0 { try bench.remount() }
      if round.isMultiple(of: 2) {
        let octets = grammar.anything(&seed)
        let answer = bench.transmit(octets)
        let response = try ResponseAPDU(parsing: answer.span.bytes)
        witness.look(at: bench, after: octets.count > 1 ? octets[1] : nil, response.data, response.status)
        continue
      }
      if session == nil, state != .terminated, seed.below(3) > 0 {
        // An APDU before may have begun a chain, which the next command breaks off.
        _ = bench.transmit([0x00, 0xC0, 0x00, 0x00, 0x00])
        session = try bench.open(level: grammar.level(&seed), version: version)
      }
      let command = grammar.command(&seed)
      let response: ResponseAPDU
      if let open = session {
        let raw = try bench.whole(try open.wrap(command))
        do { response = try open.unwrap(raw) } catch {
          session = nil
          response = raw
        }
        if response.status == .ok { accepted += 1 }
        if response.status == .conditionsNotSatisfied { refusals += 1 } else { refusals = 0 }
        if refusals > 3 { session = nil }
      } else {
        response = try bench.whole(command)
      }
      witness.look(at: bench, after: command.ins, response.data, response.status)
    }
    bench.reset()
    #expect(try bench.applicationStatus(0x80) == UInt64(state.rawValue))
    guard state != .terminated else { return }
    // The grammar is worth something only where sessions live long enough to do something.
    #expect(accepted > count / 50, "\(accepted) of \(count) in \(state)")
    #expect(try bench.open(version: version).status(.getData(.applicationStatus)) == .ok)
  }

  @Test func anyOctetsInEveryState() throws {
    var seed = CommandSeed("fuzzing in every state")
    for state in LifeCycle.allCases {
      try fuzz(try Bench.inState(state), state, count: CommandSeed.isSoaking ? 100_000 : 1_000, &seed)
    }
  }

  @Test func anyOctetsOnOneCard() throws {
    var seed = CommandSeed("fuzzing one card")
    try fuzz(try Bench.issued(), .secured, count: CommandSeed.isSoaking ? 100_000 : 10_000, &seed)
  }

  /// The same over T=0, where lengths of answers are told before the answers come.
  @Test func anyOctetsOverT0() throws {
    var seed = CommandSeed("fuzzing a card for T=0")
    try fuzz(try Bench.issuedForCharacters(), .secured, count: CommandSeed.isSoaking ? 100_000 : 6_000, &seed)
  }

  /// Every tag, and every instruction with every P1, after the PIN and inside a session: no answer holds a key.
  @Test func noCommandReturnsAKey() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    var witness = try Witness(bench)
    for tag in stride(from: 0, through: 0xFFFF, by: CommandSeed.isSoaking ? 1 : 17) {
      let command = CommandAPDU(cla: 0x80, ins: 0xCA, p1: UInt8(tag >> 8), p2: UInt8(tag & 0xFF), le: 65_536)
      let response = try bench.send(command)
      witness.look(at: bench, after: command.ins, response.data, response.status)
    }
    for cla: UInt8 in [0x00, 0x80] {
      for ins in UInt8.min...UInt8.max where ins != Instruction.putKey.rawValue {
        for p1: UInt8 in [0x00, 0x01, 0x02, 0x04, 0x80, 0x81, 0x9E, 0xDF] {
          for p2: UInt8 in [0x00, 0x01, 0x0C, 0x40, 0x51, 0x81, 0x9A] {
            let command = CommandAPDU(cla: cla, ins: ins, p1: p1, p2: p2, le: 65_536)
            let response = try bench.send(command)
            witness.look(at: bench, after: ins, response.data, response.status)
          }
        }
      }
    }
    bench.reset()
    let session = try bench.open()
    try #require(session.status(.verify(.pin, value: Bench.pin)) == .ok)
    for command in try CommandGrammar().templates {
      let response = try session.send(command)
      witness.look(at: bench, after: command.ins, response.data, response.status)
    }
  }
}

/// Makes commands that are nearly right.
struct CommandGrammar {
  let templates: [CommandAPDU]

  init() throws {
    let record = try Bench.records()[0]
    let objects: [[UInt8]] = [
      try Bench.charge(1, try Bench.records()), try Bench.charge(2, [record, record]),
      Bench.object(.createFile, Bench.fileDescription(0x0505, size: 300)),
      Bench.object(.issuerCertificate, [0x30, 0x00]) + Bench.object(.licenseCertificate, [0x30, 0x00]),
      Bench.object(.referenceData, Bench.pin + Bench.puk),
    ]
    let keys = [UInt8](repeating: 0x77, count: 32)
    // Every command there is, but for what moves the card into another state.
    let known: [CommandAPDU] = try StatusWordTable.document.get().matrix.compactMap { row in
      guard let first = row.cases[0].commands.first, !first.isRaw else { return nil }
      let command = try CommandAPDU(parsing: first.octets.span.bytes)
      return command.ins == Instruction.setStatus.rawValue ? nil : command
    }
    templates =
      known + (try objects.flatMap { try CommandAPDU.storeData($0, blockOctets: 120) })
      + [
        .select(applicationID: CardProtocol.applicationID), .select(file: Bench.fileID),
        .readBinary(offset: 0, count: 256),
        .handOverCode(index: 1), .useKey(.wrap, level: .message, codeIndex: 0, messageID: [1], key: keys),
        .useKey(.unwrap, level: .right, codeIndex: 1, messageID: [], key: keys + Bench.pin),
        .computeSignature(digest: keys), .generateKeyPair(.authentication, readOnly: true), .deleteCode(index: 2),
        .verify(.pin, value: Bench.pin), .verify(.pin, value: Bench.pin), .getChallenge(16),
        .updateBinary(offset: 600, data: keys), .setTime(1_000, signature: keys + keys),
        .externalAuthenticate(signature: keys + keys), .openChannel(), .openChannel(2), .closeChannel(1),
        .closeChannel(0), .restoreSecurityEnvironment(), .setMutualAuthentication(),
        .setCipherKey(nil, level: .right, codeIndex: 0),
        .setCipherKey(.unwrap, level: .message, codeIndex: 1, messageID: [1]), .encipher(key: keys),
        .decipher(cryptogram: [0x80] + keys), .select(file: CommandAPDU.informationFile),
        CommandAPDU(cla: 0, ins: 0xA4, p1: 0, p2: 4, le: 256), CommandAPDU(cla: 0, ins: 0xA4, p1: 4, p2: 2, le: 256),
        .getResponse(256), CommandAPDU(cla: 0, ins: 0xC2),
        CommandAPDU(cla: 0x80, ins: 0xD8, p2: 1, data: [0x53, 0x88, 33, 32] + keys + [3, 1, 2, 3]),
      ] + DataTag.allCases.map { .getData($0) }
  }

  /// A command with at most a few things wrong.
  mutating func command(_ seed: inout CommandSeed) -> CommandAPDU {
    var command = templates[seed.below(templates.count)]
    for _ in 0..<seed.below(3) {
      switch seed.below(7) {
      case 0: command.p1 ^= 1 << UInt8(seed.below(8))
      case 1: command.p2 ^= 1 << UInt8(seed.below(8))
      case 2: command.data = Array(command.data.prefix(seed.below(command.data.count + 1)))
      case 3: command.data += seed.octets(seed.below(40))
      case 4: command.le = [nil, 1, 7, 64, 256, 257, 65_536][seed.below(7)]
      case 5 where command.data.count > 8: command.data[seed.below(command.data.count)] = UInt8(seed.below(256))
      case 6 where seed.below(4) == 0: command.ins = UInt8(seed.below(256))
      default: break
      }
    }
    return command
  }

  /// Random octets, half of them behind a header that the card knows.
  func anything(_ seed: inout CommandSeed) -> [UInt8] {
    guard seed.below(2) == 0 else { return seed.octets(seed.below(seed.below(20) == 0 ? 2_200 : 40)) }
    let template = templates[seed.below(templates.count)]
    let chaining: UInt8 = seed.below(6) == 0 ? 0x10 : 0
    let securing: UInt8 = seed.below(6) == 0 ? 0x04 : 0
    let channel = seed.below(4) == 0 ? UInt8(seed.below(4)) : 0
    let head = [template.cla | chaining | securing | channel, template.ins, template.p1, template.p2]
    switch seed.below(6) {
    case 0: return enveloped(template.onChannel(channel), channel, &seed)
    case 1: return (try? template.onChannel(channel).encoded()) ?? head
    default: return head + seed.octets(seed.below(30))
    }
  }

  /// A piece of a command in an ENVELOPE, often all of it.
  private func enveloped(_ command: CommandAPDU, _ channel: UInt8, _ seed: inout CommandSeed) -> [UInt8] {
    let content = ((try? command.encoded()) ?? []).prefix(seed.below(3) == 0 ? seed.below(20) : 250)
    let chaining: UInt8 = seed.below(3) == 0 ? 0x10 : 0
    return [channel | chaining, 0xC2, 0, 0] + (content.isEmpty ? [] : [UInt8(content.count)] + content)
  }

  /// A security level.
  func level(_ seed: inout CommandSeed) -> SecurityLevel {
    seed.below(2) == 0 ? .full : SecurityLevel.defined[seed.below(SecurityLevel.defined.count)]
  }
}
