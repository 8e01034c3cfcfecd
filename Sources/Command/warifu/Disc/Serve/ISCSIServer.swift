import Cryptography
import DiscEmulator
import DriveFirmware
import ISCSI
import ISCSITarget
import SCSI
import Synchronization

/// A drive over iSCSI, served by this process.
final class ISCSIServer: DiscServer {
  /// How it is served.
  struct Plan {
    /// Whether nothing is written.
    var isReadOnly = false
    /// As what the drive shows itself.
    var peripheralType = PeripheralType.opticalMemory
    /// Whether everything takes the time that it would on a real drive.
    var takesTime = false
    /// What is wrong with the disc's sectors.
    var faults: MediumFaults?
    /// What lets the drive attest the disc.
    var identity: DriveIdentity?
  }

  private let disc: DiscToServe
  private let plan: Plan
  private let configuration: ISCSITarget.Configuration
  private let drive: SharedDrive
  private let events = TargetEvents()
  private var target: ISCSITarget?
  /// Where it listens, once it does.
  private var port: UInt16 = 0

  /// Makes a drive with the disc at `path` inside.
  init(of path: String, as plan: Plan, _ configuration: ISCSITarget.Configuration) throws {
    disc = try DiscToServe(path, readOnly: plan.isReadOnly)
    try plan.faults.map(disc.check)
    self.plan = plan
    self.configuration = configuration
    drive = SharedDrive(
      configuration: DriveConfiguration(peripheralType: plan.peripheralType, signer: plan.identity),
      medium: try ISCSIServer.medium(path, plan))
  }

  private static func medium(_ path: String, _ plan: Plan) throws -> sending any Medium {
    let disc = try EmulatedDisc(openingAt: path, readOnly: plan.isReadOnly)
    if let faults = plan.faults { disc.plan(faults) }
    return plan.takesTime ? TimedMedium(disc, clock: RealDriveClock()) : disc
  }

  // MARK: Life

  func start(_ wake: @escaping @Sendable () -> Void) throws -> ServingReport {
    let target = ISCSITarget(serving: drive, configuration: configuration) { [events] event in
      events.add(event)
      wake()
    }
    port = try target.start()
    self.target = target
    return listening("listening")
  }

  func report() throws -> [ServingReport] { events.takeAll().compactMap { report(of: $0) } }

  var status: ServingReport {
    var report = listening("status")
    if !isDiscInside { report.detail = "The drive is empty." }
    return report
  }

  func stop() {
    target?.stop()
    target = nil
  }

  // MARK: The mechanism

  let orders = ["eject", "insert"]

  func carryOut(_ order: String) throws -> ServingReport {
    if order == "eject" {
      // What an initiator ejected lies in the drive's door.
      if !drive.takeEjected() { try drive.eject() }
      return ServingReport(event: "ejected", image: disc.path)
    }
    guard !isDiscInside else { throw DriveController.MechanismError.occupied }
    drive.takeEjected()
    try drive.insert(try ISCSIServer.medium(disc.path, plan))
    return ServingReport(event: "inserted", image: disc.path)
  }

  private var isDiscInside: Bool { drive.blockSize != nil }

  // MARK: Words

  private func listening(_ event: String) -> ServingReport {
    let portal = "\(ListeningHost.inURI(configuration.host)):\(port)"
    let user = configuration.credentials.map { "\($0.name)@" } ?? ""
    let uri = "iscsi://\(user)\(portal)/\(configuration.name)/0"
    let isOpen = !ISCSITarget.isLoopback(configuration.host) && configuration.credentials == nil
    var detail = disc.words + "."
    if !ISCSITarget.isLoopback(configuration.host) { detail += " Other machines reach it, and nothing is encrypted." }
    if isOpen { detail += " Nobody is asked for a secret: give --chap-user, so that not everybody can write." }
    return ServingReport(
      event: event, image: disc.path, uri: uri, isOpenToNetwork: isOpen, detail: detail,
      examples: [
        "iscsi-inq '\(uri)'", "sudo iscsiadm --mode discovery --type sendtargets --portal \(portal)",
      ])
  }

  /// What somebody may want to know of an event; `nil` for the usual end of a connection.
  private func report(of event: TargetEvent) -> ServingReport? {
    let who = "\(event.initiatorName ?? "an unnamed initiator") at \(event.peerAddress)"
    let words: (event: String, detail: String)? =
      switch event.kind {
      case .loggedIn(isDiscovery: true): ("discovery", who)
      case .loggedIn(isDiscovery: false): ("login", who)
      case .loginRefused: ("login-refused", who)
      case .loggedOut: ("logout", who)
      case .reinstated: ("login-again", who)
      case .taskManagement(let function): ("task-management", "\(function), \(who)")
      case .dropped(.lost): nil
      case .dropped(let reason): ("dropped", "\(reason), \(who)")
      }
    return words.map { ServingReport(event: $0.event, image: disc.path, detail: $0.detail) }
  }
}

/// What the target told, in order; more than anybody would read is left out.
private final class TargetEvents: Sendable {
  private static let limit = 1_000
  private let events = Mutex<[TargetEvent]>([])

  func add(_ event: TargetEvent) { events.withLock { if $0.count < TargetEvents.limit { $0.append(event) } } }

  func takeAll() -> [TargetEvent] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}
