/// The status octet that ends every command (SAM-5, 5.3.1).
public struct SCSIStatus: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
  /// The octet.
  public let rawValue: UInt8

  /// The status of this octet.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The status of this octet.
  public init(integerLiteral value: UInt8) { rawValue = value }

  /// The command succeeded.
  public static let good = SCSIStatus(rawValue: 0x00)
  /// The command failed, or there is something to know first: see the sense data.
  public static let checkCondition = SCSIStatus(rawValue: 0x02)
  /// A comparison asked for held (PRE-FETCH and the like).
  public static let conditionMet = SCSIStatus(rawValue: 0x04)
  /// The drive is busy: try again.
  public static let busy = SCSIStatus(rawValue: 0x08)
  /// Another initiator holds a reservation.
  public static let reservationConflict = SCSIStatus(rawValue: 0x18)
  /// The drive's queue is full: try again.
  public static let taskSetFull = SCSIStatus(rawValue: 0x28)
  /// An earlier failure must be cleared first.
  public static let acaActive = SCSIStatus(rawValue: 0x30)
  /// The command was aborted by another initiator.
  public static let taskAborted = SCSIStatus(rawValue: 0x40)
}
