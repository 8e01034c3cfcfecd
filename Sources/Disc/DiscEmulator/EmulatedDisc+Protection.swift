import DriveFirmware
import SCSI
import Synchronization

// What must not be written.
extension EmulatedDisc {
  /// Which blocks must not be written, beside the embossed ones.
  public var protection: WriteProtection { headers.current.protection }

  /// Slides the tab on the shell, or protects ranges: nothing that a command could do.
  public func setProtection(_ protection: WriteProtection) throws(DiscImageError) {
    guard file.isWritable else {
      throw DiscImageError(
        .notPermitted, path, "the image is open for reading only",
        remedy: "change the file's permissions and open it again")
    }
    try ImageHeader.require(protection, geometry, path)
    do throws(SyscallFailure) {
      try headers.update { $0.protection = protection }
    } catch {
      throw .syscall(error, path, changing: true)
    }
    guardedProtection.replace(by: headers.current.guarded(isWritable: true))
  }

  /// Whether the tab is set, or the file cannot be written.
  public var isWriteProtected: Bool { guardedProtection.current.isWhole }

  /// The first block of `range` that must not be written.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? {
    guardedProtection.current.firstProtectedBlock(in: range)
  }
}

extension ImageHeader {
  /// All that must not be written, for whatever reason.
  func guarded(isWritable: Bool) -> WriteProtection {
    var guarded = protection
    if !isWritable { guarded.isWhole = true }
    if let embossed { guarded.ranges.append(embossed) }
    return guarded
  }
}

/// A protection that any thread reads without a lock, and that is replaced as a whole.
///
/// Protections that were replaced are kept as long as this is: somebody may still be reading one. They are few, as
/// only hands at the disc replace them.
final class ProtectionSnapshots: Sendable {
  private final class Snapshot: Sendable {
    let protection: WriteProtection
    init(_ protection: WriteProtection) { self.protection = protection }
  }

  private let pointer: Atomic<Unmanaged<Snapshot>>
  private let kept: Mutex<[Snapshot]>

  init(_ protection: WriteProtection) {
    let snapshot = Snapshot(protection)
    pointer = Atomic(Unmanaged.passUnretained(snapshot))
    kept = Mutex([snapshot])
  }

  /// The protection that holds.
  var current: WriteProtection {
    pointer.load(ordering: .acquiring)._withUnsafeGuaranteedRef { $0.protection }
  }

  /// Replaces it, for operations that begin from now on.
  func replace(by protection: WriteProtection) {
    kept.withLock { kept in
      let snapshot = kept.first { $0.protection == protection } ?? Snapshot(protection)
      if !kept.contains(where: { $0 === snapshot }) { kept.append(snapshot) }
      pointer.store(Unmanaged.passUnretained(snapshot), ordering: .releasing)
    }
  }
}
