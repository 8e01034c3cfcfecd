import DiscEmulator
import DriveFirmware
import Foundation
import ISCSI
import ISCSITarget
import Identifiers
import SCSI
import Synchronization

/// An iSCSI target in this process, on a port of its own, with a new disc in a file of its own.
public final class PrivateTarget: Sendable {
  /// The target's name in every test.
  public static let name = "iqn.2026-01.org.example.warifu:disc"

  /// The drive behind the target.
  public let drive: SharedDrive
  /// Where the target listens, on 127.0.0.1.
  public let port: UInt16
  /// What the target reported so far.
  public var events: [TargetEvent] { record.events.withLock { $0 } }

  private let target: ISCSITarget
  private let record: Record

  private final class Record: Sendable {
    let events = Mutex<[TargetEvent]>([])
  }

  /// Starts a target.
  ///
  /// - Parameters:
  ///   - peripheralType: as what the drive shows itself.
  ///   - geometry: the layout of the disc inside.
  ///   - configure: changes the configuration, for instance to want credentials.
  public convenience init(
    _ peripheralType: PeripheralType = .directAccess, geometry: MediumGeometry = .mb128,
    configure: (inout ISCSITarget.Configuration) -> Void = { _ in }
  ) throws {
    guard let id = MediumID(octets: Array("WARIFU-TEST-DISC".utf8)) else {
      throw RigError("The medium id has a length that no medium id has.")
    }
    let path = FileManager.default.temporaryDirectory.appending(path: "warifu-\(UUID().uuidString).disc").path
    let disc = try EmulatedDisc.manufacture(
      at: path, geometry: geometry, mediumID: id, manufactured: 1_700_000_000)
    // The open file is all that is needed.
    try FileManager.default.removeItem(atPath: path)
    try self.init(
      serving: SharedDrive(configuration: DriveConfiguration(peripheralType: peripheralType), medium: disc),
      configure: configure)
  }

  /// Starts a target for a drive.
  public init(serving drive: SharedDrive, configure: (inout ISCSITarget.Configuration) -> Void = { _ in }) throws {
    var configuration = ISCSITarget.Configuration(name: PrivateTarget.name)
    configuration.port = 0
    configure(&configuration)
    let record = Record()
    self.drive = drive
    self.record = record
    target = ISCSITarget(serving: drive, configuration: configuration) { event in
      record.events.withLock { $0.append(event) }
    }
    port = try target.start()
  }

  deinit { stop() }

  /// Where libiscsi finds the drive, with what it is to do there, such as `?header_digest=crc32c`.
  ///
  /// - Parameter credentials: `name%secret`.
  public func url(lun: Int = 0, credentials: String? = nil, options: String = "") -> String {
    "iscsi://\(credentials.map { $0 + "@" } ?? "")127.0.0.1:\(port)/\(PrivateTarget.name)/\(lun)\(options)"
  }

  /// Stops the target; its initiators see their connections go.
  public func stop() { target.stop() }
}

/// Why something that tests need is not there.
public struct RigError: Error, CustomStringConvertible {
  /// The reason, for people.
  public let description: String

  /// A reason.
  public init(_ description: String) { self.description = description }
}
