import Cryptography
import DriveFirmware
import DriveRig
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

  @Test func stoppingEndsEverythingAtOnce() throws {
    let target = try PrivateTarget()
    let busy = Task.detached { [url = target.url()] in try ISCSIProgram.run("iscsi-inq", [url]) }
    _ = busy
    let started = ContinuousClock.now
    target.stop()
    #expect(ContinuousClock.now - started < .seconds(5))
    let answer = try ISCSIProgram.run("iscsi-inq", [target.url()])
    #expect(answer.status != 0)
  }
}
