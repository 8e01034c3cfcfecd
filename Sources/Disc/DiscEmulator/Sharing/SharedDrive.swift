import DriveFirmware
import SCSI
import Synchronization

/// One drive in this process for many initiators, on any thread: it executes one command at a time.
///
/// Whoever wants commands executed has a ``DrivePort``. The drive keeps its medium to itself. What a command ejects lies in
/// the drive's door: a command can load it again, until somebody takes it away or puts another one in.
public final class SharedDrive: Sendable {
  /// Held during everything that happens to the drive.
  private let lock = Mutex(())
  /// Used under the lock only, as is every nexus of it.
  nonisolated(unsafe) private let controller: DriveController
  nonisolated(unsafe) private var hasPower = true

  /// A drive just switched on, with `medium` inside.
  public init(
    configuration: DriveConfiguration = DriveConfiguration(), medium: sending (any Medium)? = nil
  ) {
    controller = DriveController(configuration: configuration)
    if let medium { try? controller.insert(medium) }  // it is empty
  }

  /// What the drive says about itself.
  public var configuration: DriveConfiguration { controller.configuration }

  /// Makes an initiator known: the one that `identity` names, or one that no transport names.
  ///
  /// - Parameter reportsResiduals: whether the transport tells how far what was moved differs from what was expected;
  ///   then the drive moves as many whole blocks as there are data, or room, for.
  public func connect(_ identity: InitiatorIdentity? = nil, reportsResiduals: Bool = false) -> DrivePort {
    DrivePort(
      to: self,
      withController { controller in
        guard let identity else { return controller.connect() }
        return controller.connect(identity, reportsResiduals: reportsResiduals)
      })
  }

  /// Puts a medium in; every initiator is told 6/28/00.
  public func insert(_ medium: sending any Medium) throws(DriveController.MechanismError) {
    nonisolated(unsafe) let medium = medium
    try withController { (controller) throws(DriveController.MechanismError) in try controller.insert(medium) }
  }

  /// Presses the eject button, and lets go of the medium.
  public func eject() throws(DriveController.MechanismError) {
    try withController { (controller) throws(DriveController.MechanismError) in _ = try controller.eject() }
  }

  /// Pulls the medium out with a paper clip, locked or not, and lets go of it.
  public func pullOut() throws(DriveController.MechanismError) {
    try withController { (controller) throws(DriveController.MechanismError) in _ = try controller.pullOut() }
  }

  /// Takes away what a command ejected, and lets go of it; `false` if nothing lies in the door.
  @discardableResult
  public func takeEjected() -> Bool { withController { $0.takeEjected() != nil } }

  /// Switches the drive off and on, and its medium's power with it.
  public func powerCycle() {
    withController { controller in
      hasPower = true
      (controller.medium as? any PoweredMedium)?.restorePower()
      controller.powerOn()
    }
  }

  /// Octets of a block of the medium inside; `nil` without one.
  public var blockSize: UInt32? { withController { $0.medium?.geometry.blockSize } }

  /// Lends the medium inside, while no command is executed.
  public func withMedium<R, E: Error>(_ body: ((any Medium)?) throws(E) -> R) throws(E) -> R {
    try withController { (controller) throws(E) in try body(controller.medium) }
  }

  /// Lends the controller while nothing else happens to the drive.
  func withController<R, E: Error>(_ body: (DriveController) throws(E) -> R) throws(E) -> R {
    // The lock guards the drive, not a value of its own: what `body` answers may be anything.
    nonisolated(unsafe) var result: R?
    try lock.withLock { (_) throws(E) in result = try body(controller) }
    guard let result else { fatalError("the lock did not run its body") }
    return result
  }

  /// Executes one command.
  func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan, from nexus: Nexus
  ) throws(DriveTransportError) -> CDBOutcome {
    try lock.withLock { (_) throws(DriveTransportError) in
      guard hasPower else { throw EmulatedDrive.powerLost(discMayHaveChanged: false) }
      do throws(PowerLoss) {
        return try controller.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn, from: nexus)
      } catch {
        hasPower = false
        throw EmulatedDrive.powerLost(discMayHaveChanged: true)
      }
    }
  }
}
