import ISO7816
import Octets
import SCSI

/// What went over the lines to a card and a drive, in the order in which it went.
///
/// Command data is not kept: a recording names instructions and operation codes, so it holds no secret.
public final class Recording {
  /// One thing that happened.
  public enum Event: Hashable, Sendable {
    /// A command to the card: INS, P1 and P2.
    case card(ins: UInt8, p1: UInt8, p2: UInt8)
    /// A command to the drive: operation code, and the service action where it has one.
    case drive(operation: UInt8, serviceAction: UInt8)
    /// Something that the test itself says.
    case note(String)
  }

  /// Everything so far.
  public private(set) var events: [Event] = []

  /// An empty recording.
  public init() {}

  /// Adds one event.
  public func add(_ event: Event) { events.append(event) }

  /// Forgets everything.
  public func clear() { events.removeAll() }
}

/// A way to a card that is written down.
public final class RecordingCardTransport: APDUTransport {
  private let transport: any APDUTransport
  private let recording: Recording

  /// Writes down what goes over `transport`.
  public init(_ transport: any APDUTransport, _ recording: Recording) {
    self.transport = transport
    self.recording = recording
  }

  /// The limits of the way itself.
  public var limits: CardTransportLimits { transport.limits }

  /// Switches the card off and on.
  public func reset() throws(CardTransportError) -> [UInt8] { try transport.reset() }

  /// Passes one command on.
  public func transmit(_ command: [UInt8]) throws(CardTransportError) -> [UInt8] {
    if command.count >= 4 { recording.add(.card(ins: command[1], p1: command[2], p2: command[3])) }
    return try transport.transmit(command)
  }
}

/// A way to a drive that is written down.
public final class RecordingDriveTransport: CDBTransport {
  private let transport: any CDBTransport
  private let recording: Recording

  /// Writes down what goes over `transport`.
  public init(_ transport: any CDBTransport, _ recording: Recording) {
    self.transport = transport
    self.recording = recording
  }

  /// Passes one command on.
  public func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    if cdb.byteCount >= 2 {
      recording.add(.drive(operation: cdb[octet: 0], serviceAction: cdb[octet: 1] & 0x1F))
    }
    return try transport.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
  }
}
