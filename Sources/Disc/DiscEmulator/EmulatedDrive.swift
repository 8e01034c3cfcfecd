import DriveFirmware
import SCSI

/// A drive in this process: the controller, with one initiator at its port.
public final class EmulatedDrive: CDBTransport {
  /// The drive's firmware, which other ports may share.
  public let controller: DriveController

  private let nexus: Nexus
  private var hasPower = true

  /// A drive just switched on; its first command other than INQUIRY and the like meets 6/29/00.
  public init(configuration: DriveConfiguration = DriveConfiguration(), medium: (any Medium)? = nil) {
    controller = DriveController(configuration: configuration)
    if let medium { try? controller.insert(medium) }  // it is empty
    nexus = controller.connect()
  }

  /// The medium inside.
  public var medium: (any Medium)? { controller.medium }

  /// Puts a medium in.
  public func insert(_ medium: any Medium) throws(DriveController.MechanismError) {
    try controller.insert(medium)
  }

  /// Presses the eject button.
  @discardableResult
  public func eject() throws(DriveController.MechanismError) -> any Medium { try controller.eject() }

  /// Pulls the medium out with a paper clip, locked or not.
  @discardableResult
  public func pullOut() throws(DriveController.MechanismError) -> any Medium { try controller.pullOut() }

  /// Switches the drive off and on, and its medium's power with it.
  public func powerCycle() {
    hasPower = true
    (controller.medium as? any PoweredMedium)?.restorePower()
    controller.powerOn()
  }

  /// Executes one command. A medium that START STOP UNIT ejects is let go, and closed if nobody else holds it.
  public func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    guard hasPower else { throw EmulatedDrive.powerLost(discMayHaveChanged: false) }
    do throws(PowerLoss) {
      let outcome = try controller.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn, from: nexus)
      _ = controller.takeEjected()
      return outcome
    } catch {
      hasPower = false
      throw EmulatedDrive.powerLost(discMayHaveChanged: true)
    }
  }

  static func powerLost(discMayHaveChanged: Bool) -> DriveTransportError {
    DriveTransportError(
      .powerLost, operation: "command to the emulated drive", discMayHaveChanged: discMayHaveChanged,
      remedy: "Switch the drive on again and check what was being written.")
  }
}
