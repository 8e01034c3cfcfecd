import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Glibc
import SCSI
import Testing
import TestSupport

/// Requests of all kinds at random, against a model of what the disc must hold.
@Suite struct NBDRequestTests {
  private typealias Request = NBDClient.Request

  /// What a sane and an insane client ask for. 10^6 requests leave the factory record as it was (M3).
  @Test func M3_requestsLeaveTheFactoryRecord() throws {
    let bench = try ExportBench.withProtectedRange()
    let (factory, records) = (try bench.factoryRecord(), try bench.recordsOfImage())
    var random = Randomness("NBD requests")
    var model = Model(bench, try bench.blocks())
    let server = try bench.serve()
    var client = try NBDClient(server.socket)
    #expect(client.size == bench.geometry.userOctets)
    var asked = 0
    while asked < random.soak(4_000, full: 1_000_000) {
      // Those in flight together do not overlap: their order is the server's to choose.
      let requests = (0..<8).map { model.request(part: $0, of: 8, &random) }
      for (request, reply) in zip(requests, try client.ask(requests)) { try model.check(request, reply) }
      asked += requests.count
      if asked % 400 == 0 {
        client.disconnect()
        client = try NBDClient(server.socket)
      }
    }
    #expect(try client.ask(Request(Request.flush)).error == 0)
    #expect(try model.blocks == bench.blocks())
    #expect(try bench.factoryRecord() == factory)
    #expect(try bench.recordsOfImage() == records)
    client.disconnect()
    try server.stop()
  }

  /// Two clients write into the same blocks, each its own octets of them: neither loses any.
  @Test func neighboursInABlockKeepTheirOctets() async throws {
    let bench = try ExportBench(.mb640)
    let server = try bench.serve()
    // Few blocks and many rounds: of the moments between reading a block and writing it back, some must be met.
    let (rounds, blocks, quarter) = (1_500, 4, 512)
    func octet(_ round: Int, _ block: Int, _ owner: Int) -> UInt8 { UInt8((round + 3 * block + owner) & 0xFF) }
    try await withThrowingTaskGroup { group in
      for owner in 0..<4 {
        group.addTask {
          let client = try NBDClient(server.socket)
          for round in 0..<rounds {
            let requests = (0..<blocks).map { block in
              Request(
                Request.write, offset: UInt64(block * 2_048 + owner * quarter),
                data: [UInt8](repeating: octet(round, block, owner), count: quarter))
            }
            for reply in try client.ask(requests) { #expect(reply.error == 0) }
            let reads = requests.map { Request(Request.read, offset: $0.offset, length: UInt32($0.data.count)) }
            #expect(try client.ask(reads).map(\.data) == requests.map(\.data))
          }
        }
      }
      try await group.waitForAll()
    }
    for (index, found) in Array(try bench.blocks().prefix(blocks * 2_048)).enumerated() {
      #expect(found == octet(rounds - 1, index / 2_048, index % 2_048 / quarter))
    }
  }
}

/// What the disc must hold, and what it must answer.
private struct Model {
  private(set) var blocks: Data
  private let size: UInt64
  private let protected: Range<UInt64>

  init(_ bench: ExportBench, _ blocks: Data) {
    self.blocks = Data(blocks)
    size = UInt64(blocks.count)
    let blockSize = UInt64(bench.geometry.blockSize)
    let range = ExportBench.protected
    protected = (range.first * blockSize)..<((range.first + UInt64(range.count)) * blockSize)
  }

  /// A request that keeps to one of several parts of the disc, unless it is out of its mind.
  func request(part: Int, of parts: Int, _ random: inout Randomness) -> NBDClient.Request {
    // The first part begins with the protected range's neighbourhood.
    let start = part == 0 ? protected.lowerBound - 8_192 : UInt64(part) * size / UInt64(parts)
    let offset = start + UInt64.random(in: 0..<65_536, using: &random.generator)
    let isWhole = Bool.random(using: &random.generator)
    var length = UInt32.random(in: 1...20_000, using: &random.generator)
    if isWhole { length = (length + 511) / 512 * 512 }
    let place = isWhole ? offset / 512 * 512 : offset
    let flags: UInt16 = Int.random(in: 0..<50, using: &random.generator) == 0 ? NBDClient.Request.forceUnitAccess : 0
    switch Int.random(in: 0..<100, using: &random.generator) {
    case 0..<40: return .init(NBDClient.Request.read, offset: place, length: length)
    case 40..<80:
      return .init(NBDClient.Request.write, offset: place, flags: flags, data: random.octets(count: Int(length)))
    case 80..<90: return .init(NBDClient.Request.zero, offset: place, length: length, flags: flags)
    case 90: return .init(NBDClient.Request.flush)
    case 91: return .init(NBDClient.Request.trim, offset: place, length: length)
    case 92: return .init(NBDClient.Request.cache, offset: place, length: length)
    case 93: return .init(NBDClient.Request.read, offset: size - 100, length: 101)
    case 94: return .init(NBDClient.Request.write, offset: size, data: [0])
    case 95: return .init(NBDClient.Request.write, offset: .max - 5, data: random.octets(count: 512))
    case 96: return .init(NBDClient.Request.zero, offset: 0, length: .max)
    case 97: return .init(NBDClient.Request.read, offset: .max, length: 1)
    case 98: return .init(UInt16.random(in: 8...(.max), using: &random.generator), offset: place)
    default: return .init(NBDClient.Request.flush, offset: 1, length: 1)
    }
  }

  /// Applies a request that should have been done, and holds the reply against the model.
  mutating func check(_ request: NBDClient.Request, _ reply: NBDClient.Reply) throws {
    let (end, overflow) = request.offset.addingReportingOverflow(UInt64(request.length))
    let isWithin = !overflow && end <= size
    let isSafe = isWithin && !(request.offset..<end).overlaps(protected)
    switch request.type {
    case NBDClient.Request.read:
      #expect((reply.error == 0) == isWithin)
      if isWithin { #expect(Data(reply.data) == blocks[Int(request.offset)..<Int(end)], "at \(request.offset)") }
    case NBDClient.Request.write, NBDClient.Request.zero:
      #expect((reply.error == 0) == isSafe)
      if isWithin, !isSafe { #expect(reply.error == UInt32(EPERM)) }
      guard isSafe else { return }
      let octets = request.data.isEmpty ? [UInt8](repeating: 0, count: Int(request.length)) : request.data
      blocks.replaceSubrange(Int(request.offset)..<Int(end), with: octets)
    case NBDClient.Request.flush: #expect((reply.error == 0) == (request.length == 0 && request.offset == 0))
    default: #expect(reply.error != 0)
    }
  }
}
