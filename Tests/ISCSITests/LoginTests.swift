import Cryptography
import ISCSI
import ISCSITarget
import Octets
import Testing

@Suite struct LoginTests {
  private func node(authority: (any CHAPAuthority)? = nil, limits: TargetLimits = TargetLimits()) throws -> TargetNode {
    TargetNode(name: unitTargetName, device: try TestDevice(), limits: limits, authority: authority)
  }

  @Test func aLoginWithoutSecurityEntersFullFeaturePhase() throws {
    let initiator = try Initiator(node())
    let answer = try initiator.logIn([("InitialR2T", "No"), ("MaxBurstLength", "65536")])
    #expect(answer.header.loginStatus == .success)
    #expect(answer.header.nextStage == .fullFeature)
    #expect(answer.header.tsih != 0)
    #expect(answer.header.statSN == 7)
    #expect(answer.value("TargetPortalGroupTag") == "1")
    #expect(answer.value("MaxRecvDataSegmentLength") == "262144")
    #expect(answer.value("InitialR2T") == "No")
  }

  @Test func octetByOctetIsAllTheSame() throws {
    let initiator = try Initiator(node())
    let text = Initiator.text(Initiator.names + [("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")])
    let answer = try #require(
      try initiator.send(initiator.loginRequest(.operational, to: .fullFeature), text, piece: 1).first)
    #expect(answer.header.loginStatus == .success)
    initiator.headerDigest = true
    initiator.dataDigest = true
    let ping = try initiator.send(initiator.request(.nopOut), Array("ping!".utf8), piece: 1)
    #expect(ping.first?.data == Array("ping!".utf8))
  }

  struct Refusal: Sendable {
    let status: LoginStatus
    let keys: [(String, String)]
    let change: @Sendable (inout BasicHeaderSegment) -> Void

    init(
      _ status: LoginStatus, _ keys: [(String, String)] = Initiator.names,
      _ change: @escaping @Sendable (inout BasicHeaderSegment) -> Void = { _ in }
    ) {
      self.status = status
      self.keys = keys
      self.change = change
    }
  }

  static let refusals = [
    Refusal(.missingParameter, [("SessionType", "Normal"), ("TargetName", unitTargetName)]),
    Refusal(.missingParameter, [("InitiatorName", "iqn.a")]),
    Refusal(.notFound, [("InitiatorName", "iqn.a"), ("TargetName", "iqn.other")]),
    Refusal(.sessionTypeNotSupported, Initiator.names.filter { $0.0 != "SessionType" } + [("SessionType", "Odd")]),
    Refusal(.initiatorError, Initiator.names + [("InitialR2T", "No"), ("InitialR2T", "No")]),
    Refusal(.unsupportedVersion) { $0.versionMinimum = 1 },
    Refusal(.initiatorError) { $0.currentStage = .fullFeature },
    Refusal(.initiatorError) { $0.nextStage = .operational },
    Refusal(.initiatorError) { $0.isContinued = true },
    Refusal(.sessionDoesNotExist) { $0.tsih = 77 },
  ]

  @Test(arguments: refusals.indices) func whatCannotBeIsRefusedByItsStatus(_ index: Int) throws {
    let refusal = Self.refusals[index]
    let initiator = try Initiator(node())
    var request = initiator.loginRequest(.operational, to: .fullFeature)
    refusal.change(&request)
    let answer = try initiator.send(request, Initiator.text(refusal.keys)).first
    #expect(answer?.header.loginStatus == refusal.status)
    #expect(initiator.outlet.isClosed)
  }

  @Test func aLoginInManyPiecesOfTextIsOneLogin() throws {
    let initiator = try Initiator(node())
    let text = Initiator.text(Initiator.names)
    var request = initiator.loginRequest(.operational)
    request.isContinued = true
    let first = try initiator.send(request, Array(text.prefix(10)))
    #expect(first.first?.data == [])
    let second = try initiator.send(initiator.loginRequest(.operational, to: .fullFeature), Array(text.dropFirst(10)))
    #expect(second.first?.header.loginStatus == .success)
    #expect(second.first?.header.isTransit == true)
  }

  @Test func anAnswerLongerThanOneResponseGoesOn() throws {
    let initiator = try Initiator(node())
    let many = (0..<500).map { ("X-key.number.\($0)", "1") }
    let text = Initiator.text(Initiator.names + many)
    var request = initiator.loginRequest(.operational)
    request.isContinued = true
    _ = try initiator.send(request, Array(text.prefix(8_000)))
    var answer = try #require(
      try initiator.send(initiator.loginRequest(.operational, to: .fullFeature), Array(text.dropFirst(8_000))).first)
    var whole = answer.data
    while answer.header.isContinued {
      #expect(!answer.header.isTransit)
      answer = try #require(try initiator.send(initiator.loginRequest(.operational)).first)
      whole += answer.data
    }
    #expect(try TextPair.parse(whole).count { $0.value == "NotUnderstood" } == 500)
    let last = try initiator.send(initiator.loginRequest(.operational, to: .fullFeature)).first
    #expect(last?.header.isTransit == true)
  }

  @Test func textsAndTimesAreLimited() throws {
    let node = try node()
    let initiator = try Initiator(node)
    var request = initiator.loginRequest(.operational)
    request.isContinued = true
    _ = try initiator.send(request, [UInt8](repeating: 0x41, count: 8_192))
    _ = try initiator.send(request, [UInt8](repeating: 0x41, count: 8_192))
    let last = try initiator.send(request, [0x41]).first
    #expect(last?.header.loginStatus == .initiatorError)

    let slow = try Initiator(node)
    node.tick(14)
    #expect(!slow.outlet.isClosed)
    node.tick(15)
    #expect(slow.outlet.isClosed)

    // A segment longer than a login may have is not even waited for.
    let long = try Initiator(node)
    var header = long.loginRequest(.operational)
    header.dataSegmentOctets = 8_193
    long.give(header.withBytes { $0.octets })
    #expect(long.outlet.isClosed)

    var limits = TargetLimits()
    limits.connections = 1
    let small = try self.node(limits: limits)
    let only = try Initiator(small)
    try only.logIn()
    #expect(small.accept(MemoryOutlet(), now: 0) == nil)
    only.connection.connectionLost()
    #expect(small.connections.isEmpty)
  }

  @Test func whoSaysNothingMakesRoomForOthers() throws {
    var limits = TargetLimits()
    limits.connections = 3
    let node = try node(limits: limits)
    let inside = try Initiator(node)
    try inside.logIn()
    let silent = try (0..<2).map { _ in try Initiator(node) }
    let late = try Initiator(node)
    late.isid = ISID(rawValue: 9)
    #expect(silent[0].outlet.isClosed && !silent[1].outlet.isClosed)
    #expect(try late.logIn().header.loginStatus == .success)
    #expect(!inside.outlet.isClosed)
    #expect(node.connections.count == 3)
  }

  @Test func aLoginHasSoManyKeysAndNoMore() throws {
    let initiator = try Initiator(node())
    var status = LoginStatus.success
    var rounds = 0
    while status == .success, rounds < 10 {
      let keys = (0..<500).map { ("X-\(rounds)-\($0)", "") }
      let names = rounds == 0 ? Initiator.names : []
      var answer = try #require(
        try initiator.send(initiator.loginRequest(.operational), Initiator.text(names + keys)).first)
      while answer.header.isContinued {
        answer = try #require(try initiator.send(initiator.loginRequest(.operational)).first)
      }
      status = answer.header.loginStatus
      rounds += 1
    }
    #expect(status == .initiatorError)
    #expect(rounds == 3)
    #expect(initiator.outlet.isClosed)
  }

  @Test(arguments: ["iqn.a\u{1B}[2J", "iqn.a\nb", "iqn.a b", "iqn.a\u{9B}1m", "iqn.a\u{202E}b", "iqn.\u{7F}"])
  func namesThatATerminalWouldObeyAreRefused(_ name: String) throws {
    var names: [String?] = []
    let node = TargetNode(name: unitTargetName, device: try TestDevice()) { names.append($0.initiatorName) }
    let initiator = try Initiator(node)
    let text = [("InitiatorName", name), ("TargetName", unitTargetName)]
    let answer = try initiator.send(initiator.loginRequest(.operational, to: .fullFeature), Initiator.text(text)).first
    #expect(answer?.header.loginStatus == .initiatorError)
    #expect(names == [nil])
  }

  @Test func discoveryNamesTheTargetAndItsAddress() throws {
    let initiator = try Initiator(node())
    #expect(try initiator.logIn(discovery: true).header.loginStatus == .success)
    let answer = try initiator.send(initiator.request(.textRequest), Initiator.text([("SendTargets", "All")])).first
    #expect(
      answer?.pairs == [TextPair("TargetName", unitTargetName), TextPair("TargetAddress", "192.0.2.1:3260,1")])
    // Nothing else may be asked for there.
    _ = try initiator.send(initiator.command([0, 0, 0, 0, 0, 0]))
    #expect(initiator.outlet.isClosed)
  }

  @Test func theSamePortAgainReplacesItsSession() throws {
    let node = try node()
    let first = try Initiator(node)
    try first.logIn()
    let second = try Initiator(node)
    try second.logIn()
    #expect(first.outlet.isClosed)
    #expect(!second.outlet.isClosed)
    let other = try Initiator(node)
    other.isid = ISID(rawValue: 2)
    try other.logIn()
    #expect(!second.outlet.isClosed)
    #expect(node.connections.count == 2)
  }

  @Test func aSessionHasAsManyConnectionsAsWereAgreed() throws {
    let node = try node()
    let first = try Initiator(node)
    try first.logIn([("MaxConnections", "2")])
    let second = try Initiator(node)
    second.tsih = first.tsih
    second.cid = 2
    #expect(try second.logIn().header.loginStatus == .success)
    let third = try Initiator(node)
    third.tsih = first.tsih
    third.cid = 3
    #expect(try third.logIn().header.loginStatus == .tooManyConnections)
    // The same connection again takes its place.
    let again = try Initiator(node)
    again.tsih = first.tsih
    again.cid = 2
    #expect(try again.logIn().header.loginStatus == .success)
    #expect(second.outlet.isClosed)
    #expect(!first.outlet.isClosed)
  }
}
