import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import SCSI

/// How a disc is exported.
enum ExportWay: CaseIterable, Sendable {
  /// Over NBD, by nbdkit.
  case nbd
  /// Over iSCSI, as a disk: qemu writes only to those.
  case iscsi

  /// Exports the bench's disc.
  func serve(_ bench: ExportBench) throws -> ServedExport {
    switch self {
    case .nbd: return ServedExport(server: try bench.serve(), target: nil)
    case .iscsi:
      let drive = SharedDrive(
        configuration: DriveConfiguration(peripheralType: .directAccess),
        medium: try EmulatedDisc(openingAt: bench.folder("disc.img")))
      return ServedExport(server: nil, target: try PrivateTarget(serving: drive))
    }
  }
}

/// A disc that clients of either kind can attach.
struct ServedExport {
  fileprivate let server: NBDServer?
  fileprivate let target: PrivateTarget?

  /// Where clients find the blocks.
  var uri: String { server?.uri() ?? target?.url() ?? "" }

  /// Ends the export; the image can be opened again.
  func stop() throws {
    try server?.stop()
    target?.stop()
    try target?.drive.eject()
  }
}
