import CLinux
import Glibc
import SCSI

/// An open device that takes SCSI commands, and the form in which it takes them.
final class SCSIDevice {
  /// The header that a device's SG_IO takes.
  enum Interface {
    /// sg_io_hdr, interface 'S': sg and block devices.
    case version3
    /// sg_io_v4, interface 'Q': bsg devices.
    case version4
  }

  /// The most octets that one command moves.
  let maximumTransfer: Int
  /// The device's number.
  let number: dev_t
  /// What kind of device it is.
  let kind: DeviceKind

  private let descriptor: Int32
  private let interface: Interface

  /// Opens a device for commands; not exclusively, and whether or not there is a medium inside.
  ///
  /// What is no such device is told before it is opened: opening alone may set off a device of another kind.
  init(opening path: String) throws(DriveTransportError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .opening(path, errno) }
    kind = try DeviceKind(status, path)
    number = status.st_rdev

    var descriptor = warifu_open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK, 0)
    if descriptor < 0, errno == EROFS {
      // A block device whose medium is write protected: commands that read go all the same.
      descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    }
    guard descriptor >= 0 else { throw .opening(path, errno) }
    self.descriptor = descriptor
    interface = kind == .bsg ? .version4 : .version3
    maximumTransfer = SCSIDevice.maximumTransfer(descriptor, kind)

    var opened = stat()
    guard fstat(descriptor, &opened) == 0 else { throw .opening(path, errno) }
    guard opened.st_mode & S_IFMT == status.st_mode & S_IFMT, opened.st_rdev == status.st_rdev else {
      throw .opening(path, ENXIO)
    }
  }

  deinit { close(descriptor) }

  /// What every host adapter takes, for devices that do not say.
  private static let usualTransfer = 64 << 10

  private static func maximumTransfer(_ descriptor: Int32, _ kind: DeviceKind) -> Int {
    let octets: Int =
      switch kind {
      case .block: Int(warifu_block_most_sectors(descriptor)) * 512
      case .sg: Int(warifu_sg_most_octets(descriptor))
      case .bsg: -1
      }
    return octets > 0 ? max(octets, 4096) : usualTransfer
  }

  /// Executes one command; `output` or `input` is empty.
  func execute(
    _ command: UnsafeRawBufferPointer, _ output: UnsafeRawBufferPointer, _ input: UnsafeMutableRawBufferPointer,
    sense: UnsafeMutableRawBufferPointer, timeout: UInt32
  ) -> SCSICompletion {
    switch interface {
    case .version3: executeVersion3(command, output, input, sense: sense, timeout: timeout)
    case .version4: executeVersion4(command, output, input, sense: sense, timeout: timeout)
    }
  }

  private func executeVersion3(
    _ command: UnsafeRawBufferPointer, _ output: UnsafeRawBufferPointer, _ input: UnsafeMutableRawBufferPointer,
    sense: UnsafeMutableRawBufferPointer, timeout: UInt32
  ) -> SCSICompletion {
    var header = sg_io_hdr_t()
    header.interface_id = Int32(UInt8(ascii: "S"))
    // The kernel only reads the command, whatever the header's type says.
    header.cmdp = UnsafeMutableRawPointer(mutating: command.baseAddress)?.assumingMemoryBound(to: UInt8.self)
    header.cmd_len = UInt8(truncatingIfNeeded: command.count)
    header.sbp = sense.baseAddress?.assumingMemoryBound(to: UInt8.self)
    header.mx_sb_len = UInt8(truncatingIfNeeded: sense.count)
    header.timeout = timeout
    if output.count > 0 {
      header.dxfer_direction = SG_DXFER_TO_DEV
      header.dxferp = UnsafeMutableRawPointer(mutating: output.baseAddress)
      header.dxfer_len = UInt32(truncatingIfNeeded: output.count)
    } else if input.count > 0 {
      header.dxfer_direction = SG_DXFER_FROM_DEV
      header.dxferp = input.baseAddress
      header.dxfer_len = UInt32(truncatingIfNeeded: input.count)
    } else {
      header.dxfer_direction = SG_DXFER_NONE
    }
    let number = warifu_sg_io(descriptor, &header)
    return SCSICompletion(
      errno: number, status: header.status, host: UInt32(header.host_status), driver: UInt32(header.driver_status),
      residual: Int(header.resid), senseCount: Int(header.sb_len_wr))
  }

  private func executeVersion4(
    _ command: UnsafeRawBufferPointer, _ output: UnsafeRawBufferPointer, _ input: UnsafeMutableRawBufferPointer,
    sense: UnsafeMutableRawBufferPointer, timeout: UInt32
  ) -> SCSICompletion {
    func address(_ pointer: UnsafeRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
    var header = sg_io_v4()
    header.guard = Int32(UInt8(ascii: "Q"))
    header.request = address(command.baseAddress)
    header.request_len = UInt32(truncatingIfNeeded: command.count)
    header.response = address(UnsafeRawPointer(sense.baseAddress))
    header.max_response_len = UInt32(truncatingIfNeeded: sense.count)
    header.timeout = timeout
    if output.count > 0 {
      header.dout_xferp = address(output.baseAddress)
      header.dout_xfer_len = UInt32(truncatingIfNeeded: output.count)
    } else if input.count > 0 {
      header.din_xferp = address(UnsafeRawPointer(input.baseAddress))
      header.din_xfer_len = UInt32(truncatingIfNeeded: input.count)
    }
    let number = warifu_bsg_io(descriptor, &header)
    return SCSICompletion(
      errno: number, status: UInt8(truncatingIfNeeded: header.device_status), host: header.transport_status,
      driver: header.driver_status, residual: Int(output.count > 0 ? header.dout_resid : header.din_resid),
      senseCount: Int(header.response_len))
  }
}

/// The kinds of devices that take SCSI commands.
enum DeviceKind: Hashable, Sendable {
  /// A disk with its blocks, or a CD drive.
  case block
  /// The SCSI generic driver's.
  case sg
  /// The block layer's generic driver's.
  case bsg

  /// Tells the kind; fails for everything else, and for a part of a disk, whose block addresses are not the disc's.
  ///
  /// - Parameter system: where sysfs is mounted.
  init(_ status: stat, _ path: String, system: String = "/sys") throws(DriveTransportError) {
    let number = "\(DeviceNumber.major(status.st_rdev)):\(DeviceNumber.minor(status.st_rdev))"
    switch status.st_mode & S_IFMT {
    case S_IFBLK:
      guard access("\(system)/dev/block/\(number)/partition", F_OK) != 0 else {
        throw .notADrive(path, "it is one partition", "name the whole disk that it is on")
      }
      self = .block
    case S_IFCHR where DeviceNumber.major(status.st_rdev) == DeviceNumber.scsiGeneric: self = .sg
    case S_IFCHR where DeviceKind.subsystem("\(system)/dev/char/\(number)/subsystem") == "bsg": self = .bsg
    default:
      throw .notADrive(path, "it takes no SCSI commands", "name a device such as /dev/sg1 or /dev/sdb")
    }
  }

  /// The last part of what a symbolic link of sysfs names.
  private static func subsystem(_ link: String) -> String? {
    var target = [CChar](repeating: 0, count: 4096)
    let count = readlink(link, &target, target.count)
    guard count > 0 else { return nil }
    let octets = target[..<count].map { UInt8(bitPattern: $0) }
    return String(decoding: octets, as: UTF8.self).split(separator: "/").last.map(String.init)
  }
}

/// Device numbers (makedev(3)).
enum DeviceNumber {
  /// The major number of sg devices, on every Linux (admin-guide/devices.txt).
  static let scsiGeneric: UInt64 = 21

  /// The driver's part.
  static func major(_ device: dev_t) -> UInt64 { UInt64(device) >> 8 & 0xFFF | UInt64(device) >> 32 & ~0xFFF }

  /// The device's part.
  static func minor(_ device: dev_t) -> UInt64 { UInt64(device) & 0xFF | UInt64(device) >> 12 & ~0xFF & 0xFFFF_FFFF }
}
