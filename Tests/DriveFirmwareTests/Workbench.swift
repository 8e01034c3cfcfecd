import DiscEmulator
import DriveFirmware
import Glibc
import Identifiers
import SCSI
import Testing

/// A folder of its own that is gone when the test is.
final class Workbench {
  let folder: String

  init() throws {
    var template = Array("/tmp/warifu-drive-XXXXXX\0".utf8CString)
    folder = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in names { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }

  func path(_ name: String = "disc.img") -> String { "\(folder)/\(name)" }

  var names: [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Octets of a file, from `offset` on; fewer where it ends.
  func contents(of path: String, from offset: Int = 0, count: Int) -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = max(0, pread(descriptor, buffer.baseAddress, count, offset))
    }
  }

  /// Overwrites octets of a file, or makes it.
  func put(_ octets: [UInt8], into path: String, at offset: Int = 0) {
    let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
    defer { close(descriptor) }
    #expect(pwrite(descriptor, octets, octets.count, offset) == octets.count)
  }

  func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : -1
  }

  func octetsOnDisk(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : -1
  }
}

/// The medium id of most discs here.
let mediumID: [UInt8] = (0..<16).map { 0xA0 + $0 }

func manufacture(
  on bench: Workbench, _ geometry: MediumGeometry = .mb128, protection: WriteProtection = WriteProtection()
) throws -> EmulatedDisc {
  try EmulatedDisc.manufacture(
    at: bench.path(), geometry: geometry, mediumID: try #require(MediumID(octets: mediumID)),
    manufactured: 1_000_000_000, signature: [1, 2, 3], protection: protection)
}

func memoryDisc(_ geometry: MediumGeometry = .mb128, protection: WriteProtection = WriteProtection()) throws
  -> MemoryDisc
{
  let record = try #require(FactoryRecord(mediumID: mediumID, manufactured: 1_000_000_000, signature: [1, 2, 3]))
  return MemoryDisc(geometry: geometry, factoryRecord: record, protection: protection)
}

extension EmulatedDrive {
  /// A drive whose unit attention has been heard.
  static func ready(_ medium: (any Medium)?, _ configuration: DriveConfiguration = DriveConfiguration()) throws
    -> EmulatedDrive
  {
    let drive = EmulatedDrive(configuration: configuration, medium: medium)
    #expect(try drive.execute(.testUnitReady).senseData?.code == .powerOnOrReset)
    return drive
  }

  /// The sense code of a command without data; `nil` for GOOD.
  func code(_ cdb: CDB) throws -> SenseCode? { try execute(cdb).senseData?.code }

  func write(_ data: [UInt8], at block: UInt64, blockSize: Int = 512) throws -> CDBOutcome {
    try send(.write(BlockRange(first: block, count: UInt32(data.count / blockSize))), data.span.bytes)
  }

  func read(_ count: UInt32, at block: UInt64, blockSize: Int = 512) throws -> (outcome: CDBOutcome, data: [UInt8]) {
    try fetch(.read(BlockRange(first: block, count: count)), upTo: Int(count) * blockSize)
  }
}

/// `count` octets that differ from block to block and from seed to seed.
func pattern(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ $0 / 251 &+ Int(seed)) }
}

/// Lends octets for as long as `body` runs.
func lend<R>(_ octets: [UInt8], _ body: (RawSpan) throws -> R) rethrows -> R { try body(octets.span.bytes) }

/// Whether two long strings of octets are the same; an expectation over the strings themselves would print them.
func same(_ a: [UInt8], _ b: [UInt8]) -> Bool { a == b }
