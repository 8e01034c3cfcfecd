import Octets
import SCSI

/// What every drive must do, however it is reached: in process, over iSCSI, through SG_IO, emulated or real.
///
/// The checks run in order on one drive with a writable medium inside. They write to blocks in the middle of the
/// medium only and put back what was there; none leaves a lock, a reservation or a mode behind.
public enum DriveConformance {
  /// All checks, in order.
  public static let checks: [Check] = [
    introduction, capacities, sense, blocks, verification, modes, removal, attentions,
  ]
  .flatMap { $0 }

  /// One thing that a drive must do.
  public struct Check: Sendable {
    /// What, in words; no two checks have the same.
    public let name: String
    let body: @Sendable (DriveBench) throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (DriveBench) throws -> Void) {
      self.name = name
      self.body = body
    }

    /// Runs the check on a drive that is known by its answers alone.
    ///
    /// - Parameter make: a way to the drive, each time another initiator's where the way has such.
    public func run(on make: @escaping () throws -> any CDBTransport) throws {
      try run(on: DriveUnderTest(connect: make))
    }

    /// Runs the check.
    public func run(on drive: DriveUnderTest) throws {
      do {
        try body(try DriveBench(drive))
      } catch {
        throw Failure(description: "\(name): \(error)")
      }
    }
  }

  /// What a drive did not do.
  public struct Failure: Error, CustomStringConvertible {
    /// Which check, and what was not so.
    public let description: String
  }

  /// Runs all checks and returns whatever failed.
  public static func failures(of drive: DriveUnderTest) -> [Failure] {
    checks.compactMap { check in
      do {
        try check.run(on: drive)
        return nil
      } catch {
        return error as? Failure ?? Failure(description: "\(check.name): \(error)")
      }
    }
  }
}

/// One drive with a medium inside, ways to it, and what is known of it beforehand.
public struct DriveUnderTest {
  /// A way to the drive, each time another initiator's where the way has such.
  public var connect: () throws -> any CDBTransport
  /// Whether two ways are two initiators, with attentions, locks and reservations of their own.
  public var hasManyInitiators: Bool
  /// The most octets that one command moves.
  public var maximumTransfer: Int
  /// The medium's id, if it is known.
  public var mediumID: [UInt8]?
  /// Blocks that the medium protects, if there are such.
  public var protected: BlockRange?

  /// A drive.
  public init(
    hasManyInitiators: Bool = false, maximumTransfer: Int = 64 << 10, mediumID: [UInt8]? = nil,
    protected: BlockRange? = nil, connect: @escaping () throws -> any CDBTransport
  ) {
    self.hasManyInitiators = hasManyInitiators
    self.maximumTransfer = maximumTransfer
    self.mediumID = mediumID
    self.protected = protected
    self.connect = connect
  }
}
