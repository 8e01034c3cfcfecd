import Synchronization

/// A way in for octets from outside, as a function of those octets: what libFuzzer feeds, and what a test replays.
///
/// Each is deterministic, keeps nothing from one input to the next, and throws a ``FuzzFinding`` where the code under it
/// broke a promise. That the code traps, or touches memory that is not its own, is for libFuzzer and AddressSanitizer to
/// see.
public enum FuzzTarget: String, CaseIterable, Sendable {
  /// Command and response APDUs: `CommandView`, `CommandAPDU`, `ResponseAPDU`.
  case apdu
  /// BER-TLV: `TLVReader`, `BERTLV`.
  case tlv
  /// Answers to reset and their historical bytes.
  case atr
  /// Frames of a virtual reader.
  case frame
  /// SCP03 commands as the card takes them in.
  case channelCard = "channel-card"
  /// SCP03 responses as the host takes them in.
  case channelHost = "channel-host"
  /// The whole card, from APDU to APDU, inside sessions and outside.
  case card
  /// The whole drive, from CDB to CDB, by several initiators.
  case drive
  /// PDUs to an iSCSI target in full feature phase.
  case iscsiPDU = "iscsi-pdu"
  /// Logins to an iSCSI target.
  case iscsiLogin = "iscsi-login"

  /// Runs one input.
  public func run(_ input: [UInt8]) throws {
    switch self {
    case .apdu: try APDUTarget.run(input)
    case .tlv: try TLVTarget.run(input)
    case .atr: try ATRTarget.run(input)
    case .frame: try FrameTarget.run(input)
    case .channelCard: try ChannelCardTarget.run(input)
    case .channelHost: try ChannelHostTarget.run(input)
    case .card: try CardTarget.run(input)
    case .drive: try DriveTarget.run(input)
    case .iscsiPDU: try ISCSIConnectionTarget.runPDUs(input)
    case .iscsiLogin: try ISCSIConnectionTarget.runLogin(input)
    }
  }
}

/// What an input holds more than one of, as PDUs, over all inputs of a run.
public enum FuzzCount {
  private static let total = Atomic<UInt64>(0)

  /// How many so far.
  public static var value: UInt64 { total.load(ordering: .relaxed) }

  static func add(_ count: UInt64) { total.wrappingAdd(count, ordering: .relaxed) }
}

/// A promise that the code did not keep.
public struct FuzzFinding: Error, CustomStringConvertible {
  /// What was promised.
  public let description: String
}

/// Throws a finding unless `condition` holds.
func promise(_ condition: Bool, _ description: @autoclosure () -> String) throws(FuzzFinding) {
  guard condition else { throw FuzzFinding(description: description()) }
}
