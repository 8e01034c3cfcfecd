import DiscEmulator
import DriveFirmware
import Glibc
import SCSI
import Testing

/// What the host does to an image: locks, missing space, failing storage, dying between two writes.
@Suite struct HostFailureTests {
  @Test func anImageIsOpenOnlyOnce() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    for readOnly in [false, true] {
      #expect { _ = try EmulatedDisc(openingAt: bench.path(), readOnly: readOnly) } throws: {
        ($0 as? DiscImageError)?.code == .inUse
      }
    }
    withExtendedLifetime(disc) {}
  }

  /// The lock holds against other processes, and other processes' locks against us.
  @Test func locksAreSeenByOtherProcesses() throws {
    let bench = try Workbench()
    let tryLock = """
      import fcntl,sys
      try: fcntl.lockf(open(sys.argv[1],'r+b'), fcntl.LOCK_EX|fcntl.LOCK_NB)
      except BlockingIOError: sys.exit(1)
      """
    do {
      let disc = try manufacture(on: bench)
      #expect(try python(tryLock, bench.path()) == 1)
      withExtendedLifetime(disc) {}
    }
    #expect(try python(tryLock, bench.path()) == 0)
    let tryOpen = """
      import fcntl,sys,time
      f=open(sys.argv[1],'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); open(sys.argv[1]+'.locked','w'); time.sleep(60)
      """
    let child = try spawn(tryOpen, bench.path())
    while access(bench.path("disc.img.locked"), F_OK) != 0 { usleep(1000) }
    #expect { _ = try EmulatedDisc(openingAt: bench.path()) } throws: { ($0 as? DiscImageError)?.code == .inUse }
    kill(child, SIGKILL)
    _ = wait(child)
    _ = try EmulatedDisc(openingAt: bench.path())
  }

  @Test func readOnlyDiscsAreWriteProtectedAndShared() throws {
    let bench = try Workbench()
    do {
      let drive = try EmulatedDrive.ready(try manufacture(on: bench))
      #expect(try drive.write(pattern(512), at: 9).status == .good)
    }
    let before = bench.fingerprint(of: bench.path())
    let disc = try EmulatedDisc(openingAt: bench.path(), readOnly: true)
    let other = try EmulatedDisc(openingAt: bench.path(), readOnly: true)
    #expect(other.isWriteProtected)
    let drive = try EmulatedDrive.ready(disc)
    #expect(try drive.write(pattern(512), at: 9).senseData == SenseData(.writeProtected, information: 9))
    #expect(try drive.read(1, at: 9).data == pattern(512))
    #expect(try drive.code(.synchronizeWholeCache) == nil)
    #expect(try drive.code(try #require(.verify(BlockRange(first: 0, count: 1000), .none))) == nil)
    #expect(throws: DiscImageError.self) { try disc.setProtection(WriteProtection()) }
    #expect(bench.fingerprint(of: bench.path()) == before)
  }

  @Test func aFullFileSystemIsAWriteError() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    let drive = try EmulatedDrive.ready(disc)
    let before = bench.fingerprint(of: bench.path())
    try withDescriptor(of: bench.path(), replacedBy: "/dev/full", O_RDWR) { () throws in
      #expect(try drive.write(pattern(4096), at: 20).senseData == SenseData(.writeError, information: 20))
      #expect(disc.lastFailure?.code == .diskFull)
      #expect(disc.lastFailure?.imageMayHaveChanged == true)
    }
    #expect(bench.fingerprint(of: bench.path()) == before)
    #expect(try drive.write(pattern(4096), at: 20).status == .good, "room again")
    #expect(try drive.read(8, at: 20).data == pattern(4096))
  }

  @Test func failingStorageIsAHardwareError() throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    let drive = try EmulatedDrive.ready(disc)
    try withDescriptor(of: bench.path(), replacedBy: "/dev/null", O_RDONLY) { () throws in
      #expect(try drive.write(pattern(512), at: 20).senseData?.code == .internalTargetFailure)
      #expect(try drive.read(1, at: 20).outcome.senseData?.code == .internalTargetFailure)
      #expect(try drive.code(.synchronizeWholeCache) == .internalTargetFailure)
      #expect(disc.lastFailure?.code == .inputOutput)
      #expect { try disc.setProtection(WriteProtection(isWhole: true)) } throws: {
        ($0 as? DiscImageError)?.imageMayHaveChanged == true
      }
    }
    #expect(disc.isWriteProtected == false)
  }

  @Test func anImageCutWhileOpenIsAHardwareError() throws {
    let bench = try Workbench()
    let drive = try EmulatedDrive.ready(try manufacture(on: bench))
    truncate(bench.path(), 4_000_000)
    #expect(try drive.read(1, at: 200_000).outcome.senseData?.code == .internalTargetFailure)
  }

  @Test func protectionOutlivesClosing() throws {
    let bench = try Workbench()
    let ranges = [BlockRange(first: 3, count: 4), BlockRange(first: 100, count: 1)]
    do {
      let disc = try manufacture(on: bench, protection: WriteProtection(ranges: ranges))
      #expect(disc.protection.ranges == ranges)
      try disc.setProtection(WriteProtection(isWhole: true, ranges: ranges))
      #expect(throws: DiscImageError.self) {
        try disc.setProtection(WriteProtection(ranges: [BlockRange(first: .max, count: 1)]))
      }
    }
    let disc = try EmulatedDisc(openingAt: bench.path())
    #expect(disc.protection == WriteProtection(isWhole: true, ranges: ranges))
    let drive = try EmulatedDrive.ready(disc)
    #expect(try drive.write(pattern(512), at: 50).senseData == SenseData(.writeProtected, information: 50))
    try disc.setProtection(WriteProtection(ranges: ranges))
    #expect(try drive.write(pattern(512), at: 50).status == .good)
    #expect(try drive.write(pattern(1024), at: 99).senseData == SenseData(.writeProtected, information: 100))
  }

  /// The host dies before, in, or between the two writes of a header: the old or the new one counts, never neither.
  @Test func aHeaderUpdateIsAllOrNothing() throws {
    let bench = try Workbench()
    let path = bench.path()
    var old: [[UInt8]] = []
    var new: [[UInt8]] = []
    do {
      let disc = try manufacture(on: bench)
      old = [0, 4096].map { bench.contents(of: path, from: $0, count: 4096) }
      try disc.setProtection(WriteProtection(isWhole: true))
      new = [0, 4096].map { bench.contents(of: path, from: $0, count: 4096) }
    }
    #expect(new[0] == new[1])
    let torn = Array(new[0].prefix(16)) + Array(old[0].suffix(4080))
    for (first, second, isProtected) in [
      (old[0], old[1], false), (old[0], torn, false), (torn, old[1], false), (old[0], new[1], true),
      (new[0], old[1], true), (torn, new[1], true), (new[0], torn, true), (new[0], new[1], true),
    ] {
      bench.put(first, into: path, at: 0)
      bench.put(second, into: path, at: 4096)
      let disc = try EmulatedDisc(openingAt: path)
      #expect(disc.isWriteProtected == isProtected)
      try disc.setProtection(disc.protection)  // heals both copies
      #expect(bench.contents(of: path, from: 0, count: 4096) == bench.contents(of: path, from: 4096, count: 4096))
    }
  }
}

/// Runs `body` while the descriptor that this process has open on `path` stands for another file.
private func withDescriptor(of path: String, replacedBy other: String, _ flags: Int32, _ body: () throws -> Void) throws
{
  let descriptor = try #require(
    (0..<65_536).first { number in
      var target = [CChar](repeating: 0, count: 4096)
      let length = readlink("/proc/self/fd/\(number)", &target, 4095)
      return length > 0 && String(decoding: target.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self) == path
    }.map(Int32.init))
  let kept = dup(descriptor)
  let replacement = open(other, flags)
  defer {
    dup2(kept, descriptor)
    close(kept)
    close(replacement)
  }
  #expect(dup2(replacement, descriptor) == descriptor)
  try body()
}

private func spawn(_ program: String, _ argument: String) throws -> pid_t {
  let words: [String] = ["python3", "-c", program, argument]
  let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  var child: pid_t = 0
  try #require(posix_spawnp(&child, "python3", nil, nil, arguments, environ) == 0)
  return child
}

private func wait(_ child: pid_t) -> Int32 {
  var status: Int32 = 0
  waitpid(child, &status, 0)
  return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
}

private func python(_ program: String, _ argument: String) throws -> Int32 { wait(try spawn(program, argument)) }
