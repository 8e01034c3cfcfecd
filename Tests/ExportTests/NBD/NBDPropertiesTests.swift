import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Testing

@Suite struct NBDPropertiesTests {
  private struct Listing: Decodable {
    struct Export: Decodable {
      let name: String
      let description: String
      let size: UInt64
      let isReadOnly, canFlush, canMultiConn, canTrim: Bool
      let minimum, preferred, maximum: Int?

      enum CodingKeys: String, CodingKey {
        case name = "export-name"
        case description
        case size = "export-size"
        case isReadOnly = "is_read_only"
        case canFlush = "can_flush"
        case canMultiConn = "can_multi_conn"
        case canTrim = "can_trim"
        case minimum = "block_size_minimum"
        case preferred = "block_size_preferred"
        case maximum = "block_size_maximum"
      }
    }

    let exports: [Export]
  }

  private func listing(_ bench: ExportBench, _ server: NBDServer) throws -> [Listing.Export] {
    let outcome = try bench.succeed("nbdinfo", "--list", "--json", server.uri())
    return try JSONDecoder().decode(Listing.self, from: outcome.octets).exports
  }

  @Test(arguments: [DiscKind.mb128, .mb640, .gb2_3])
  func bothExportsSayWhatTheyAre(kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    let exports = try listing(bench, try bench.serve())
    #expect(exports.map(\.name) == ["", "id"])
    let blocks = try #require(exports.first)
    #expect(blocks.size == bench.geometry.userOctets)
    #expect(blocks.description.contains("\(kind.rawValue) MB"))
    #expect(!blocks.isReadOnly && blocks.canFlush && blocks.canMultiConn && !blocks.canTrim)
    #expect(blocks.minimum == Int(bench.geometry.blockSize))
    #expect(blocks.preferred == 65_536 && blocks.maximum == 32 << 20)
    let mediumID = try #require(exports.last)
    #expect(mediumID.size == 16 && mediumID.isReadOnly)
  }

  @Test func aDiscThatMustNotBeWrittenIsReadOnly() throws {
    let bench = try ExportBench(protection: WriteProtection(isWhole: true))
    #expect(try listing(bench, try bench.serve()).map(\.isReadOnly) == [true, true])
    let other = try ExportBench()
    #expect(try listing(other, try other.serve("read-only=true")).map(\.isReadOnly) == [true, true])
  }

  /// What is exported under `id` is the medium id of the factory record (M3).
  @Test func theMediumIDIsAnExport() throws {
    let bench = try ExportBench()
    let server = try bench.serve()
    try bench.succeed("nbdcopy", server.uri("id"), "id.raw")
    #expect(Array(try bench.folder.octets(of: "id.raw")) == ExportBench.mediumID)
    let client = try NBDClient(server.socket, export: "id")
    #expect(client.transmissionFlags & 2 != 0)
    for request: NBDClient.Request in [
      .init(NBDClient.Request.write, data: [1, 2, 3]), .init(NBDClient.Request.zero, length: 16),
    ] {
      #expect(try client.ask(request).error == UInt32(EPERM))
    }
    #expect(try client.ask(.init(NBDClient.Request.read, offset: 8, length: 9)).error != 0)
    #expect(
      try client.ask(.init(NBDClient.Request.read, offset: 9, length: 7)).data == Array(ExportBench.mediumID[9...]))
  }

  @Test func thereIsNoOtherExport() throws {
    let bench = try ExportBench()
    let server = try bench.serve()
    #expect(throws: RigError.self) { _ = try NBDClient(server.socket, export: "ID") }
    #expect(try server.stop().complaint.contains("there is no export 'ID'"))
  }
}
