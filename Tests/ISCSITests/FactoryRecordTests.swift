import DiscEmulator
import DriveFirmware
import ISCSI
import SCSI
import TestSupport
import Testing

/// No CDB, however odd, that comes over iSCSI changes what the factory recorded (M3).
@Suite struct FactoryRecordTests {
  @Test func M3_noCommandOverISCSIChangesTheMediumID() throws {
    var chance = Randomness("CDBs over iSCSI")
    let device = try TestDevice()
    let before = device.drive.withMedium { $0?.factoryRecord }
    let node = TargetNode(name: unitTargetName, device: device)
    var initiator = try Initiator(node)
    #expect(try initiator.logIn([("InitialR2T", "No")]).header.loginStatus == .success)
    var answered = 0
    for _ in 0..<chance.soak(20_000, full: 1_000_000) {
      let header = command(&chance, initiator)
      let count = header.isWrite ? Int(header.expectedDataTransferLength) : 0
      answered += try initiator.send(header, chance.octets(count: count)).isEmpty ? 0 : 1
      // Whatever was ejected is loaded again, and whoever was thrown out comes back.
      _ = try initiator.send(initiator.command([0x1B, 0, 0, 0, 3, 0]))
      if initiator.outlet.isClosed {
        initiator = try Initiator(node)
        try initiator.logIn([("InitialR2T", "No")])
      }
    }
    #expect(answered > 15_000)
    #expect(before != nil)
    #expect(device.drive.withMedium { $0?.factoryRecord } == before)
  }

  /// Any operation code; half the time the fields are small, as a sane initiator's are.
  private func command(_ chance: inout Randomness, _ initiator: Initiator) -> BasicHeaderSegment {
    var cdb = chance.octets(count: 16)
    if Bool.random(using: &chance.generator) {
      for index in 1..<16 where Int.random(in: 0..<4, using: &chance.generator) > 0 { cdb[index] = 0 }
    }
    let octets = 512 * Int.random(in: 0...4, using: &chance.generator)
    var header =
      Bool.random(using: &chance.generator)
      ? initiator.command(cdb, read: octets) : initiator.command(cdb, write: octets)
    header.lun = Int.random(in: 0..<50, using: &chance.generator) == 0 ? 0x0001_0000_0000_0000 : 0
    return header
  }
}
