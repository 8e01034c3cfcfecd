/// What both sides agreed on for a session or connection (RFC 7143, 13), with the defaults before they did.
public struct OperationalParameters: Hashable, Sendable {
  /// Whether headers carry a CRC32C.
  public var headerDigest = false
  /// Whether data segments carry a CRC32C.
  public var dataDigest = false
  /// Octets of a data segment that the initiator takes.
  public var initiatorSegmentOctets = 8192
  /// Connections in the session.
  public var maxConnections = 1
  /// Whether all data beyond the immediate wait for a Ready To Transfer.
  public var initialR2T = true
  /// Whether a command may carry data.
  public var immediateData = true
  /// Octets of one sequence of Data-In, or of one Ready To Transfer.
  public var maxBurstOctets = 262_144
  /// Octets that may come without a Ready To Transfer.
  public var firstBurstOctets = 65_536
  /// Ready To Transfers of one task under way at a time.
  public var maxOutstandingR2T = 1
  /// Seconds before an initiator tries again.
  public var time2Wait = 2
  /// Seconds that tasks outlive their connection.
  public var time2Retain = 20

  /// The defaults.
  public init() {}
}

/// What a target takes in negotiations: its part of every numerical answer.
public struct NegotiationLimits: Hashable, Sendable {
  /// Octets of a data segment that the target takes, at least 512.
  public var segmentOctets = 262_144
  /// Connections in a session.
  public var connections = 8
  /// Octets of a sequence.
  public var burstOctets = 1_048_576
  /// Octets without a Ready To Transfer.
  public var firstBurstOctets = 262_144
  /// Ready To Transfers of one task under way.
  public var outstandingR2T = 4

  /// The usual limits.
  public init() {}
}
