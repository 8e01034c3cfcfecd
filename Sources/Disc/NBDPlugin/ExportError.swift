import DiscEmulator
import DriveFirmware
import Glibc

/// Why a request failed: an error number that NBD can carry, and a sentence for nbdkit's log.
struct ExportError: Error, Equatable {
  /// An error number of errno(3): `EPERM`, `EIO`, `ENOSPC`, `EINVAL`, `ENOENT`.
  let number: Int32
  /// What failed, and what to do where something can be done.
  let message: String

  /// A failure.
  init(_ number: Int32, _ message: String) {
    self.number = number
    self.message = message
  }

  /// A request for what the disc does not have.
  static func outside(_ offset: UInt64, _ count: Int, of size: UInt64) -> ExportError {
    ExportError(EINVAL, "\(count) octets from \(offset) on are not within the \(size) there are")
  }

  /// A write that would touch a block that must not be written.
  static func protected(_ block: UInt64) -> ExportError {
    ExportError(EPERM, "block \(block) is write protected; nothing was written")
  }

  /// A failure of the medium, or of the file behind it.
  init(_ error: MediumError, on disc: EmulatedDisc) {
    switch error {
    case .unreadable(let block): self.init(EIO, "block \(block) cannot be read; write it again to mend it")
    case .blank(let block): self.init(EIO, "block \(block) was erased and not written again")
    // The file's last failure is this one, or another one of the same moment.
    case .notWritten where disc.lastFailure?.code == .diskFull:
      self.init(ENOSPC, "\(disc.path): the file system of the image is full; free some space")
    case .notWritten(let block): self.init(EIO, "block \(block) cannot be written")
    default: self.init(EIO, disc.lastFailure?.description ?? "\(disc.path): the medium failed")
    }
  }
}
