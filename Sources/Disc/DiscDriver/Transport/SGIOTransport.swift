import CLinux
import Glibc
import Identifiers
import Octets
import SCSI

/// A real drive behind one of Linux's devices for SCSI commands (SG_IO, sg(4)): `/dev/sgN`, `/dev/bsg/H:C:T:L`, or a
/// block device as `/dev/sdX` or `/dev/srN`.
///
/// A command, once sent, is waited for: signals to the thread come after it, and nothing is ever sent twice. No memory
/// is allocated per command, and blocks go between the caller's memory and the kernel without a copy here.
///
/// The kernel lets programs without the capability CAP_SYS_RAWIO send only commands that it knows; READ MEDIA SERIAL
/// NUMBER is not among them. Such a command fails with ``SCSI/DriveTransportError/Code/notPermitted``.
public final class SGIOTransport: CDBTransport {
  /// The device's path.
  public let path: String
  /// The most octets that one command moves, as the kernel and its host adapter say; at least 4 KiB.
  public let maximumTransfer: Int

  private let device: SCSIDevice
  private let patience: Patience
  /// Where the kernel puts sense data: 96 octets, as many as it keeps.
  private let sense: UnsafeMutableRawBufferPointer

  /// Opens a device.
  ///
  /// - Parameters:
  ///   - path: the device; nothing else is ever opened for writing.
  ///   - timeout: how long a drive may take for a command. FORMAT UNIT, ERASE and others that go over the whole medium
  ///     may take ``Patience/wholeMedium``.
  public init(opening path: String, timeout: Duration = .seconds(60)) throws(DriveTransportError) {
    self.path = path
    device = try SCSIDevice(opening: path)
    maximumTransfer = device.maximumTransfer
    patience = Patience(usual: timeout)
    sense = .allocate(byteCount: 96, alignment: 8)
  }

  deinit { sense.deallocate() }

  /// The medium's id as udev keeps it, where this user may not ask the drive for it.
  var recordedMediumID: MediumID? { DeviceDatabase().mediumID(inDriveOf: device.number, kind: device.kind) }

  /// Executes one command. At most one of `dataOut` and `dataIn` may have octets: SG_IO moves one way.
  public func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    let mayChange = CommandEffect.mayChangeMedium(cdb)
    guard (6...16).contains(cdb.byteCount), dataOut.byteCount == 0 || dataIn.byteCount == 0,
      let length = UInt32(exactly: max(dataOut.byteCount, dataIn.byteCount)), length <= UInt32(Int32.max)
    else {
      throw DriveTransportError(
        .protocolViolation, operation: "no command for '\(path)': \(cdb.byteCount) octets", discMayHaveChanged: false,
        remedy: "send 6 to 16 octets, with data one way")
    }
    let milliseconds = patience.milliseconds(for: cdb[octet: 0])
    let completion = uninterrupted {
      cdb.withUnsafeBytes { command in
        dataOut.withUnsafeBytes { output in
          dataIn.withUnsafeMutableBytes { input in
            device.execute(command, output, input, sense: sense, timeout: milliseconds)
          }
        }
      }
    }
    return try completion.outcome(
      requested: Int(length), sense: UnsafeRawBufferPointer(sense), path: path, mayChange: mayChange)
  }

  /// Runs `body` with signals held back: a signal would make the kernel forget, or repeat, the command under way.
  private func uninterrupted(_ body: () -> SCSICompletion) -> SCSICompletion {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    return body()
  }
}

extension SGIOTransport {
  /// How long to wait for commands.
  struct Patience: Sendable {
    /// For FORMAT UNIT and the like: a 2.3 GB medium takes the better part of an hour.
    static let wholeMedium = Duration.seconds(4 * 3600)

    let usual: Duration

    /// Milliseconds as SG_IO takes them, at least one.
    func milliseconds(for operation: UInt8) -> UInt32 {
      let isLong: Bool =
        switch operation {
        case 0x04, 0x19, 0x2C, 0x48, 0xAC: true  // FORMAT UNIT, ERASE (6), (10) and (12), SANITIZE
        default: false
        }
      let (seconds, attoseconds) = (isLong ? max(usual, Patience.wholeMedium) : usual).components
      let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
      guard !overflow else { return UInt32.max - 1 }
      return max(1, UInt32(clamping: whole &+ attoseconds / 1_000_000_000_000_000))
    }
  }
}
