import CardDriver
import CardProtocol
import CenterServer
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Glibc
import ISO7816
import Identifiers
import Synchronization
import Testing

@testable import CenterClient
@testable import LicenseCenter

/// What a program does at a centre on the network: log in, relay, redeem; and what it does not believe.
@Suite struct CenterClientTests {
  private func use<R>(_ port: Int, _ body: (CenterClient) async throws -> R) async throws -> R {
    try await CenterClient.use(CenterAddress("http://127.0.0.1:\(port)"), patience: .ofTests, body)
  }

  @Test func C12_cardLogsInAndIsChargedOverTheNetwork() async throws {
    let bench = try await RelayBench()
    try await bench.serve(logsIn: true) { port in
      try await use(port) { client in
        let card = try WarifuCard(CardConnection(bench.card))
        let token = try await client.logIn(with: card)
        let charge = try await client.charge(try bench.order(), over: card.connection, as: token)
        #expect(charge.state == .booked)
        #expect(try await client.charge(try #require(OperationID(charge.operation)), as: token) == charge)
        #expect("\(token)\(Mirror(reflecting: token).children.count)" == "CenterToken(redacted)0")
        try await client.logOut(token)
        let error = await failure { _ = try await client.charge(try bench.order(), over: card.connection, as: token) }
        #expect(error?.code == .problem("not-authenticated"))
      }
    }
    try await bench.expectAgreement(charges: 1, codes: 5)
  }

  @Test func C9_machineLogsInAndAForeignCentreIsRefused() async throws {
    let bench = try await RelayBench()
    let other = try await RelayBench()
    let key = try SigningKey(random: bench.random)
    let machine = try #require(MachineID(octets: bench.random.octets(16)))
    _ = try await bench.center.access.register(
      machine, name: "press", key: key.verificationKey.octets, roles: [.machine])
    try await bench.serve(logsIn: true) { port in
      try await use(port) { client in
        let right = try VerificationKey(octets: bench.center.facts.timeKey)
        let wrong = try VerificationKey(octets: other.center.facts.timeKey)
        _ = try await client.logIn(machine: machine, key: key, centerKeys: [right])
        let refused = await failure { _ = try await client.logIn(machine: machine, key: key, centerKeys: [wrong]) }
        #expect(refused?.code == .notTheCenter)
        // A card of another centre does not answer this one.
        let foreign = try WarifuCard(CardConnection(other.card))
        let distrusted = await failure { _ = try await client.logIn(with: foreign) }
        #expect(distrusted?.code == .notTheCenter)
        let stranger = try SigningKey(random: bench.random)
        let denied = await failure { _ = try await client.logIn(machine: machine, key: stranger, centerKeys: [right]) }
        #expect(denied?.code == .problem("not-authenticated"))
      }
    }
  }

  /// A centre, or somebody in its place, can have the card do nothing that is no part of charging.
  @Test func P6_relayPassesNothingElseOn() throws {
    let allowed: [CommandAPDU] = [
      .select(applicationID: CardProtocol.applicationID), .getData(.cardRecognitionData),
      CommandAPDU(cla: 0x80, ins: 0x50, p1: 1, data: [UInt8](repeating: 0, count: 8)),
      CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: [UInt8](repeating: 0, count: 16)),
      CommandAPDU(cla: 0x84, ins: 0xE2, data: [1]),
    ]
    for command in allowed { #expect(CenterClient.isPartOfCharging(command)) }
    var refused = [CommandAPDU.select(applicationID: CardProtocol.issuerDomainID)]
    for ins: UInt8 in 0...255 where ![0xA4, 0xCA, 0x50].contains(ins) {
      for cla: UInt8 in [0x00, 0x80, 0x10, 0x01, 0x08, 0x0C, 0x40, 0x60] {
        refused.append(CommandAPDU(cla: cla, ins: ins, p1: 0, p2: 0, data: [1]))
      }
    }
    for command in refused { #expect(!CenterClient.isPartOfCharging(command), "\(command)") }
  }

  /// A name that only begins like an address of this machine is anybody's: a token would go there in clear.
  @Test(arguments: [
    "http://example.com", "ftp://localhost", "https://", "https://a/b", "https://u:p@host", "nonsense",
    "http://127.0.0.1.example.com", "http://127.example.com", "http://localhost.example.com", "http://128.0.0.1",
    "https://host:0", "https://host:65536", "https://127.0.0.1:99999", "http://[::1]:70000",
    "https://host:99999999999999999999",
  ])
  func addressesThatWouldNotDo(text: String) {
    #expect(throws: CenterClientError.self) { try CenterAddress(text) }
  }

  /// The same by what reaches the card: whoever stands in the centre's place cannot have it try a PIN.
  @Test func P6_aForeignCommandDoesNotReachTheCard() async throws {
    let bench = try await RelayBench()
    let verify = Data([0x00, 0x20, 0x00, 0x80, 0x08] + [UInt8](repeating: 0x31, count: 8)).base64EncodedString()
    let body = #"{"next": {"dialogue": "00", "step": 0, "command": "\#(verify)"}}"#
    let impostor = try Impostor("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    defer { impostor.stop() }
    let transport = CutTransport(bench.card)
    let error = await failure { _ = try await bench.charge(try bench.order(), over: transport, port: impostor.port) }
    #expect(error?.code == .foreignCommand && transport.messages == 0)
  }

  @Test(arguments: [
    ("https://shop.example/", "https://shop.example"), ("HTTPS://shop.example:8451", "https://shop.example:8451"),
    ("http://127.0.0.1:80", "http://127.0.0.1:80"), ("http://127.3.2.1", "http://127.3.2.1"),
    ("http://[::1]:65535", "http://[::1]:65535"), ("http://LOCALHOST", "http://LOCALHOST"),
  ])
  func addressesThatDo(text: String, address: String) throws {
    #expect(try CenterAddress(text).text == address)
  }

  /// What answers is no centre: every answer is an error, and none is waited for without end.
  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
    "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nnone",
    "HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\n{\"next\":{\"dialogue\":\"00\",\"step\":0,\"command\":\"AAAA\"}}    ",
  ])
  func answersAreNotTrusted(answer: String) async throws {
    let bench = try await RelayBench()
    let impostor = try Impostor(answer)
    defer { impostor.stop() }
    let error = await failure { _ = try await bench.charge(try bench.order(), over: bench.card, port: impostor.port) }
    #expect(
      error.map { [.answerInvalid, .foreignCommand, .problem("status-302"), .problem("status-500")].contains($0.code) }
        == true)
    try await bench.expectAgreement(charges: 0, codes: 0)
  }

  /// Only what is booked, for this card and under this name, is a success.
  @Test func aChargeThatIsNotBookedIsNoSuccess() async throws {
    let bench = try await RelayBench()
    let (order, other) = (try bench.order(), try bench.order())
    let stranger = try #require(CardSerial(octets: [1, 2, 3, 4, 5, 6, 7, 8]))
    for (answered, card, state, isGood) in [
      (order, bench.serial, "booked", true), (order, bench.serial, "open", false),
      (order, bench.serial, "voided", false), (other, bench.serial, "booked", false),
      (order, stranger, "booked", false),
    ] {
      let impostor = try Impostor(Impostor.charge(answered, card: card, state: state))
      defer { impostor.stop() }
      let charge = await Result { try await bench.charge(order, over: bench.card, port: impostor.port) }
      switch charge {
      case .success(let charge): #expect(isGood && charge.state == .booked, "\(state)")
      case .failure(let error): #expect(!isGood && (error as? CenterClientError)?.code == .answerInvalid, "\(error)")
      }
    }
  }

  @Test func unreachableCentreIsGivenUpInTime() async throws {
    let bench = try await RelayBench()
    var patience = Patience.ofTests
    patience.retryTime = .milliseconds(300)
    let error = await failure {
      _ = try await bench.charge(try bench.order(), over: bench.card, port: 1, patience: patience)
    }
    #expect(error?.code == .unreachable)
  }

  /// Over TLS the certificate must come from the authority that is given, and from no other.
  @Test func serverMustProveItselfByItsCertificate() async throws {
    let bench = try await RelayBench()
    let folder = bench.folder
    for name in ["right", "wrong"] {
      _ = try await Program.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
        folder.appending(path: "\(name).key").path, "-out", folder.appending(path: "\(name).pem").path,
      ])
    }
    let identity = try TLSIdentity(
      certificatePath: folder.appending(path: "right.pem").path, keyPath: folder.appending(path: "right.key").path)
    try await bench.serve(identity: identity) { port in
      let address = try CenterAddress("https://localhost:\(port)")
      func titles(_ authority: String) async throws -> [CenterTitle] {
        try await CenterClient.use(
          address, authorities: folder.appending(path: authority).path, patience: .ofTests
        ) { try await $0.titles() }
      }
      #expect(try await titles("right.pem").map(\.softwareID) == [bench.title.softwareID])
      let error = await failure { _ = try await titles("wrong.pem") }
      #expect(error?.code == .notTheCenter)
      let none = await failure { _ = try await titles("right.key") }
      #expect(none?.code == .file)
    }
  }

  /// Redeemed over a line that breaks at every request: the file is had once, to the octet.
  @Test func P17_redemptionOverABrokenLineIsResumed() async throws {
    let bench = try await RelayBench()
    let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 * 31 >> 3) }
    let source = bench.folder.appending(path: "source")
    try Data(content).write(to: source)
    _ = try await bench.center.titleStore.publish(bench.title.softwareID, from: source.path)
    let order = try SealSheetOrder(
      operationID: try #require(OperationID(octets: bench.random.octets(16))), cardSerial: bench.serial,
      softwareID: bench.title.softwareID, quantity: 6, url: "https://shop.example")
    let codes = try await bench.center.rightsSeller.sell(order).codes
    try await bench.serve { port in
      for (index, code) in codes.enumerated() {
        let proxy = try FaultyProxy(to: port, index.isMultiple(of: 2) ? .requestLost : .answerLost, at: index)
        defer { proxy.stop() }
        let path = bench.folder.appending(path: "title-\(index)").path
        let title = try await use(proxy.port) { try await $0.redeem(code, into: path) }
        #expect(title.softwareID == bench.title.softwareID && title.octets == UInt64(content.count))
        #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
        #expect(!FileManager.default.fileExists(atPath: path + ".part"))
        #expect(!FileManager.default.fileExists(atPath: path + ".redemption"))
        let again = await failure { _ = try await use(port) { try await $0.redeem(code, into: path + "-again") } }
        #expect(again?.code == .problem("refused"))
      }
    }
  }

  @Test func C7_aProgramRunsWhenItHasArrived() async throws {
    let bench = try await RelayBench()
    let code = try await bench.code(for: Array("#!/bin/sh\necho installed and run\n".utf8))
    let path = bench.folder.appending(path: "hanafuda").path
    try await bench.serve { port in
      let title = try await use(port) { try await $0.redeem(code, into: path) }
      #expect(title.type == .program)
    }
    #expect(try await Program.run([path]).output == "installed and run\n")
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o700)
  }

  /// What arrives is not what was sealed: nothing can be run, the code is not used up, and a repetition gets the right file.
  @Test func C7_aFailedCheckLeavesNothingToRun() async throws {
    let bench = try await RelayBench()
    let content = Array("#!/bin/sh\necho installed and run\n".utf8)
    let code = try await bench.code(for: content)
    let folder = bench.folder.appending(path: "apps")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    let path = folder.appending(path: "hanafuda").path
    let store = bench.folder.appending(path: "center/titles")
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store.path).first)
    let sealed = try Data(contentsOf: store.appending(path: name))
    var changed = sealed
    changed[changed.count - 1] ^= 1
    try changed.write(to: store.appending(path: name))
    try await bench.serve { port in
      let failed = await failure { _ = try await use(port) { try await $0.redeem(code, into: path) } }
      #expect(failed?.code == .file)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      #expect(left == ["hanafuda.part", "hanafuda.redemption"])
      #expect(FileManager.default.contents(atPath: path + ".part") == Data())
      try sealed.write(to: store.appending(path: name))
      _ = try await use(port) { try await $0.redeem(code, into: path) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["hanafuda"])
    #expect(try await Program.run([path]).output == "installed and run\n")
  }

  /// What the counter handed over (P9, P8), and everything that must not open.
  @Test func P9_whatTheCounterHandedOverIsOpenedWithItsCode() async throws {
    let bench = try await RelayBench()
    let content = (0..<1_200_000).map { UInt8(truncatingIfNeeded: $0 * 13 >> 4) }
    let code = try await bench.code(for: content)
    let file = bench.folder.appending(path: "handed-over")
    let operation = try #require(OperationID(octets: bench.random.octets(16)))
    _ = try await bench.center.offlineCounter.provide(code, operation: operation, to: file.path)
    let output = bench.folder.appending(path: "opened").path
    let key = try bench.center.facts.licenseKey
    let foreign = try SigningKey(random: bench.random).verificationKey
    func open(_ code: RetrievalCode, _ keys: [VerificationKey]) async -> CenterClientError? {
      await failure {
        _ = try HandedOverTitle.open(
          provision: file.path, code: code, under: keys, at: 1_800_000_000, isProgram: true, into: output)
      }
    }
    #expect(await open(RetrievalCode(from: bench.random), [key])?.code == .file)
    #expect(await open(code, [foreign])?.code == .file)
    let whole = try Data(contentsOf: file)
    for octet in [whole.count - 1, whole.count / 2, 600] {
      var changed = whole
      changed[octet] ^= 1
      try changed.write(to: file)
      #expect(await open(code, [key])?.code == .file, "octet \(octet)")
    }
    try whole.prefix(700_000).write(to: file)
    #expect(await open(code, [key])?.code == .file)
    try Data().write(to: file)
    #expect(await open(code, [key])?.code == .file)
    #expect(
      !FileManager.default.fileExists(atPath: output) && !FileManager.default.fileExists(atPath: output + ".opening"))
    try whole.write(to: file)
    let title = try HandedOverTitle.open(
      provision: file.path, code: code, under: [foreign, key], at: 1_800_000_000, isProgram: true, into: output)
    #expect(title.softwareID == bench.title.softwareID && title.octets == UInt64(content.count))
    #expect(FileManager.default.contents(atPath: output).map { [UInt8]($0) } == content)
    #expect(await open(code, [key])?.code == .file, "nothing is written over")
  }

  @Test func cardGetsItsHolderASignInCode() async throws {
    let bench = try await RelayBench()
    try await bench.serve(logsIn: true) { port in
      try await use(port) { client in
        let token = try await client.logIn(with: try WarifuCard(CardConnection(bench.card)))
        let code = try await client.signInCode(as: token)
        try await client.logOut(token)
        let attempt = try #require(OperationID(octets: bench.random.octets(16)))
        let answer = try await bench.center.signIn.signIn(
          try SignInCode(typed: code.text), operation: attempt, from: "here")
        guard case .granted(let session) = answer else {
          Issue.record("\(answer)")
          return
        }
        #expect(session.identity.role == .holder)
      }
    }
  }

  /// Stopped in the middle, by its user or by a kill: the same command goes on, and nothing is fetched twice.
  @Test func P17_stoppedDownloadGoesOn() async throws {
    let bench = try await RelayBench()
    let content = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 * 7 >> 2) }
    let source = bench.folder.appending(path: "source")
    try Data(content).write(to: source)
    _ = try await bench.center.titleStore.publish(bench.title.softwareID, from: source.path)
    let order = try SealSheetOrder(
      operationID: try #require(OperationID(octets: bench.random.octets(16))), cardSerial: bench.serial,
      softwareID: bench.title.softwareID, quantity: 1, url: "https://shop.example")
    let code = try #require(try await bench.center.rightsSeller.sell(order).codes.first)
    let path = bench.folder.appending(path: "title").path
    try await bench.serve { port in
      let stopped = await failure {
        _ = try await use(port) { try await $0.redeem(code, into: path) { done, _ in done < 2_000_000 } }
      }
      #expect(stopped?.code == .cancelled)
      let part = try #require(try FileManager.default.attributesOfItem(atPath: path + ".part")[.size] as? Int)
      #expect(part >= 2_000_000)
      var first: UInt64?
      _ = try await use(port) {
        try await $0.redeem(code, into: path) { done, _ in
          first = first ?? done
          return true
        }
      }
      #expect(try #require(first) > UInt64(part), "it begins where it was")
      #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == content)
    }
  }
}

/// Answers every request alike.
final class Impostor: @unchecked Sendable {
  private let listener: Int32
  let port: Int

  private let isStopped = Mutex(false)
  private let count = Mutexed<Int>()
  /// How many requests came.
  var requests: Int { count.value ?? 0 }

  convenience init(_ answer: String) throws { try self.init { _ in answer } }

  init(answering: @escaping @Sendable (_ request: String) -> String) throws {
    let (descriptor, number) = try FaultyProxy.listen()
    (listener, port) = (descriptor, number)
    Thread.detachNewThread { [count] in
      while true {
        let client = accept(descriptor, nil, nil)
        if client < 0, [EINTR, ECONNABORTED].contains(errno) { continue }
        guard client >= 0 else {
          // Here and nowhere else, behind ``stop()``: another thread's closing would leave this one with a number that is
          // somebody else's by then.
          close(descriptor)
          return
        }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let length = recv(client, &buffer, buffer.count, 0)
        count.set((count.value ?? 0) + 1)
        let answer = answering(String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self))
        _ = Array(answer.utf8).withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        close(client)
      }
    }
  }

  /// Ends it, once.
  func stop() {
    let isFirst = isStopped.withLock { isStopped in
      defer { isStopped = true }
      return !isStopped
    }
    if isFirst { shutdown(listener, Int32(SHUT_RDWR)) }
  }

  deinit { stop() }

  /// An answer that says how a charge stands.
  static func charge(_ order: ChargeOrder, card: CardSerial, state: String) -> String {
    let body = """
      {"charge": {"operation": "\(order.operationID)", "card": "\(card)", "softwareID": "\(order.softwareID)", \
      "number": 1, "desired": 5, "actual": 5, "price": {"minorUnits": 300, "currency": "JPY"}, "state": "\(state)"}}
      """
    return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }
}

extension RelayBench {
  /// A code for `content` as the bench's title, which is a program.
  func code(for content: [UInt8]) async throws -> RetrievalCode {
    let source = folder.appending(path: "source")
    try Data(content).write(to: source)
    _ = try await center.titleStore.publish(title.softwareID, from: source.path)
    return try await soldCode()
  }

  /// A code for what is published already.
  func soldCode() async throws -> RetrievalCode {
    let order = try SealSheetOrder(
      operationID: try #require(OperationID(octets: random.octets(16))), cardSerial: serial,
      softwareID: title.softwareID, quantity: 1, url: "https://shop.example")
    return try #require(try await center.rightsSeller.sell(order).codes.first)
  }
}
