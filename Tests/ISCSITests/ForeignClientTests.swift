import DriveRig
import Testing

@Suite struct ForeignClientTests {
  @Test func iscsiLsFindsTheTargetAndItsDrive() throws {
    let target = try PrivateTarget()
    defer { target.stop() }
    let answer = try ISCSIProgram.run("iscsi-ls", ["-s", "iscsi://127.0.0.1:\(target.port)"])
    #expect(answer.status == 0)
    #expect(answer.text.contains("Target:\(PrivateTarget.name) Portal:127.0.0.1:\(target.port),1"))
    #expect(answer.text.contains("Lun:0"))
  }
}
