import DiscEmulator
import DriveFirmware
import Glibc
import Identifiers
import SCSI
import Testing

@Suite struct EmulatedDiscTests {
  @Test(arguments: [MediumGeometry.mb128, .gb1_3])
  func writesAndReadsThroughTheDrive(_ geometry: MediumGeometry) throws {
    let bench = try Workbench()
    let blockSize = Int(geometry.blockSize)
    let data = pattern(1 << 20)
    let first = UInt64(geometry.blockCount) - UInt64(data.count / blockSize)
    do {
      let drive = try EmulatedDrive.ready(try manufacture(on: bench, geometry))
      #expect(try drive.write(data, at: first, blockSize: blockSize).status == .good)
      #expect(try drive.execute(.synchronizeWholeCache).status == .good)
    }
    let drive = try EmulatedDrive.ready(try EmulatedDisc(openingAt: bench.path()))
    let (outcome, read) = try drive.read(UInt32(data.count / blockSize), at: first, blockSize: blockSize)
    #expect(outcome.status == .good)
    #expect(same(read, data))
    let offset = Int(EmulatedDisc.dataOffset) + Int(first) * blockSize
    #expect(same(bench.contents(of: bench.path(), from: offset, count: data.count), data), "reached by offset")
  }
}
