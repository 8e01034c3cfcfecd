import DiscEmulator
import DriveFirmware
import Dispatch
import Glibc
import SCSI
import Synchronization
import TestSupport
import Testing

/// One open disc, many threads.
@Suite struct ManyThreadsTests {
  /// Each thread writes and reads blocks of its own, now and then one is erased, moved, or marked: nobody sees anything of
  /// the others.
  @Test func threadsDoNotDisturbEachOther() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    disc.plan(try MediumFaults(parsing: "defective=40-41,defective=1040,corrected=2040"))
    let failures = Mutex<[String]>([])
    let rounds = soak(60, 5000)
    // There are 1,024 spares.
    let mostReassignedRounds = min(rounds, 1_000)
    DispatchQueue.concurrentPerform(iterations: 6) { thread in
      let first = UInt64(thread) * 1000
      var random = SeededGenerator(seed: UInt64(thread))
      for round in 0..<rounds {
        let range = BlockRange(
          first: first + UInt64.random(in: 0..<100, using: &random), count: UInt32.random(in: 1...60, using: &random))
        let data = pattern(Int(range.count) * 512, seed: UInt8(truncatingIfNeeded: thread * 40 + round))
        do throws(MediumError) {
          try disc.write(range, from: data.span.bytes)
          if round % 7 == 0, round < mostReassignedRounds { try disc.reassign(range.first) }
          if round % 5 == 0 { try disc.verify(range) }
          var read = [UInt8](repeating: 0, count: data.count)
          var span = read.mutableSpan
          var bytes = span.mutableBytes
          try disc.read(range, into: &bytes)
          if read != data { failures.withLock { $0.append("thread \(thread) reads something else") } }
          if round % 3 == 0 { try disc.erase(BlockRange(first: first + 500, count: 30)) }
          if round % 4 == 0 { try disc.setAndClearProtection() }
        } catch {
          failures.withLock { $0.append("thread \(thread): \(error)") }
        }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(disc.defects.grown.count >= 6 * (mostReassignedRounds / 7))
    #expect(disc.state(of: 510) == .erased)
  }

  @Test func failuresOfManyThreadsAreKept() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    truncate(bench.path(), 4_000_000)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      var room = [UInt8](repeating: 0, count: 512)
      for _ in 0..<200 {
        var span = room.mutableSpan
        var bytes = span.mutableBytes
        #expect(throws: MediumError.failure) {
          try disc.read(BlockRange(first: 200_000 + UInt64(thread), count: 1), into: &bytes)
        }
      }
    }
    #expect(disc.lastFailure?.code == .inputOutput)
  }

  /// What a quiet disc adds to pwrite and pread of 64 KiB is less than what they take. Benchmarks tell how much less.
  @Test func aQuietDiscAddsLittleToTheSystemCalls() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    let descriptor = open(bench.path("plain"), O_RDWR | O_CREAT, 0o600)
    defer { close(descriptor) }
    let data = pattern(65_536)
    var room = [UInt8](repeating: 0, count: 65_536)
    func fastest(_ body: () throws -> Void) rethrows -> Duration {
      var best = Duration.seconds(60)
      for _ in 0..<200 { best = min(best, try ContinuousClock().measure(body)) }
      return best
    }
    let plain = fastest {
      _ = pwrite(descriptor, data, data.count, 0)
      _ = pread(descriptor, &room, room.count, 0)
    }
    let range = BlockRange(first: 0, count: 128)
    let ours = try fastest {
      try disc.write(range, from: data.span.bytes)
      var span = room.mutableSpan
      var bytes = span.mutableBytes
      try disc.read(range, into: &bytes)
    }
    #expect(ours < plain * 3, "\(ours) beside \(plain)")
    #expect(room == data)
  }
}

extension EmulatedDisc {
  /// A hand slides the tab while others write elsewhere; it is back before any of them asks the drive.
  fileprivate func setAndClearProtection() throws(MediumError) {
    do throws(DiscImageError) {
      try setProtection(WriteProtection(ranges: [BlockRange(first: 9000, count: 5)]))
      try setProtection(WriteProtection())
    } catch {
      throw .failure
    }
  }
}
