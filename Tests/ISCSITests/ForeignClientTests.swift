import Cryptography
import DriveFirmware
import DriveRig
import Glibc
import ISCSI
import ISCSITarget
import Octets
import SCSI
import Testing

/// libiscsi's tools, which know nothing of this target but its address.
@Suite struct ForeignClientTests {
  @Test func iscsiLsFindsTheTargetAndItsDrive() throws {
    let target = try PrivateTarget()
    defer { target.stop() }
    let answer = try ISCSIProgram.run("iscsi-ls", ["-s", "iscsi://127.0.0.1:\(target.port)"])
    #expect(answer.status == 0)
    #expect(answer.text.contains("Target:\(PrivateTarget.name) Portal:127.0.0.1:\(target.port),1"))
    #expect(answer.text.contains("Lun:0"))
    #expect(target.events.contains { $0.kind == .loggedIn(isDiscovery: true) })
  }

  @Test func iscsiInqAndReadcapacity16SeeTheDrive() throws {
    let target = try PrivateTarget(.opticalMemory, geometry: .mb640)
    defer { target.stop() }
    let inquiry = try ISCSIProgram.run("iscsi-inq", [target.url()])
    #expect(inquiry.status == 0)
    #expect(inquiry.text.contains("WARIFU"))
    #expect(inquiry.text.contains("OPTICAL"), "\(inquiry.text)")
    let capacity = try ISCSIProgram.run("iscsi-readcapacity16", [target.url()])
    #expect(capacity.status == 0)
    #expect(capacity.text.contains("310351"), "\(capacity.text)")
    #expect(capacity.text.contains("2048"))
  }

  @Test(arguments: ["", "?header_digest=crc32c"])
  func iscsiPerfReads(_ options: String) throws {
    let target = try PrivateTarget()
    defer { target.stop() }
    let answer = try ISCSIProgram.run("iscsi-perf", ["-b", "128", "-m", "8", "-t", "1", target.url(options: options)])
    #expect(answer.status == 0, "\(answer.text)")
    #expect(answer.text.contains("iops average"))
    #expect(!target.events.contains { $0.kind == .dropped(.headerDigest) || $0.kind == .dropped(.protocolError) })
  }

  @Test func memoryThatWasSentCountsNoLonger() throws {
    let target = try PrivateTarget {
      $0.limits.memoryOctets = 16 << 20
      $0.limits.shareOctets = 1_024
    }
    defer { target.stop() }
    // Eight times 1 MiB at a time fit; many more than sixteen of them come one after the other.
    let answer = try ISCSIProgram.run("iscsi-perf", ["-b", "2048", "-m", "8", "-t", "1", target.url()])
    #expect(answer.status == 0, "\(answer.text)")
    #expect(answer.text.contains("iops average"))
  }

  @Test func onlyWhoKnowsTheSecretIsLetIn() throws {
    let target = try PrivateTarget {
      $0.credentials = try? CHAPCredentials(name: "user", secret: Secret(copying: Array("initiator-secret".utf8)))
      $0.mutual = try? CHAPCredentials(name: "drive", secret: Secret(copying: Array("target-secret-77".utf8)))
    }
    defer { target.stop() }
    let right = try ISCSIProgram.run("iscsi-inq", [target.url(credentials: "user%initiator-secret")])
    #expect(right.status == 0, "\(right.text)")
    for wrong in [nil, "user%initiator-secreT", "usex%initiator-secret"] {
      let answer = try ISCSIProgram.run("iscsi-inq", [target.url(credentials: wrong)])
      #expect(answer.status != 0, "\(wrong ?? "nobody")")
    }
    #expect(target.events.count { $0.kind == .loginRefused(.authenticationFailure) } == 3)

    // The initiator doubts the target, too.
    func doubting(_ secret: String) throws -> ISCSIProgram.Answer {
      try ISCSIProgram.run(
        "iscsi-inq", [target.url(credentials: "user%initiator-secret")],
        environment: ["LIBISCSI_CHAP_TARGET_USERNAME": "drive", "LIBISCSI_CHAP_TARGET_PASSWORD": secret])
    }
    let convinced = try doubting("target-secret-77")
    #expect(convinced.status == 0, "\(convinced.text)")
    let unconvinced = try doubting("target-secret-78")
    #expect(unconvinced.status != 0)
  }

  @Test func whyItCannotListenIsToldInWordsForPeople() throws {
    let target = try PrivateTarget()
    defer { target.stop() }
    let taken = ISCSITargetError.cannotListen(host: "127.0.0.1", port: target.port, reason: "Address already in use")
    #expect(throws: taken) { try PrivateTarget { $0.port = target.port } }
    let nowhere = ISCSITargetError.cannotListen(
      host: "nowhere.invalid", port: 0, reason: "there is no such address or name")
    #expect(throws: nowhere) { try PrivateTarget { $0.host = "nowhere.invalid" } }
  }

  @Test func onlyAddressesOfThisMachineAloneAreLoopback() {
    for host in ["127.0.0.1", "127.1", "localhost", "::1"] { #expect(ISCSITarget.isLoopback(host)) }
    for host in ["127.example.com", "0.0.0.0", "::", "192.0.2.1"] { #expect(!ISCSITarget.isLoopback(host)) }
  }

  @Test func stoppingEndsEverythingAtOnce() async throws {
    let target = try PrivateTarget()
    // Somebody who is inside for certain, and stays.
    let guest = try loggedInSocket(at: target.port)
    defer { close(guest) }
    let patience = ContinuousClock.now + .seconds(120)
    while !target.events.contains(where: { $0.kind == .loggedIn(isDiscovery: false) }) {
      try #require(ContinuousClock.now < patience, "nobody is inside")
      try await Task.sleep(for: .milliseconds(10))
    }
    let started = ContinuousClock.now
    target.stop()
    #expect(ContinuousClock.now - started < .seconds(5))
    // The login's response, the news that the session ends, and the end.
    var octets = [UInt8](repeating: 0, count: 4096)
    var count = 0
    while true {
      let more = octets.withUnsafeMutableBytes { recv(guest, $0.baseAddress, $0.count, 0) }
      guard more > 0 else {
        #expect(more == 0)
        break
      }
      count += more
    }
    #expect(count >= 96)
    let answer = try ISCSIProgram.run("iscsi-inq", [target.url()])
    #expect(answer.status != 0)
  }

  /// A connection that has logged in.
  private func loggedInSocket(at port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    try #require(descriptor >= 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    var text = [("InitiatorName", "iqn.2026-01.org.example:guest"), ("TargetName", PrivateTarget.name)]
      .flatMap { TextPair($0.0, $0.1).octets }
    var header = BasicHeaderSegment(.loginRequest)
    header.isImmediate = true
    header.isTransit = true
    header.currentStage = .operational
    header.nextStage = .fullFeature
    header.dataSegmentOctets = text.count
    while text.count % 4 != 0 { text.append(0) }
    let octets = header.withBytes { $0.octets } + text
    #expect(octets.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) } == octets.count)
    return descriptor
  }
}
