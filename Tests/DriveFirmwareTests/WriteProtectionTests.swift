import DiscEmulator
import DriveFirmware
import SCSI
import Testing

@Suite struct WriteProtectionTests {
  @Test func nothingIsWrittenOfAPartlyProtectedRange() throws {
    let disc = try memoryDisc(protection: WriteProtection(ranges: [BlockRange(first: 10, count: 1)]))
    let medium = FaultyMedium(disc)
    let drive = try EmulatedDrive.ready(medium)
    #expect(try drive.write(pattern(512 * 4), at: 8).senseData == SenseData(.writeProtected, information: 10))
    #expect(medium.writes == 0)
    #expect(try drive.read(4, at: 8).data == [UInt8](repeating: 0, count: 4 * 512))
    #expect(try drive.write(pattern(512 * 2), at: 8).status == .good)
    #expect(try drive.write(pattern(512), at: 11).status == .good)
  }
}
