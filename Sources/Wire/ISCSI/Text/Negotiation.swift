/// The responder's side of negotiating operational parameters (RFC 7143, 6.2 and 13).
///
/// Each key is answered by a rule of its kind: a list by the first item known, a Boolean by AND or OR, a number by the
/// smaller or the larger. What has no rule is not understood.
public struct Negotiation: Sendable {
  /// The most keys of one login, which is many times those that there are: whoever sends more wants to keep the target busy.
  public static let maximumKeys = 1_024

  /// What holds so far.
  public private(set) var parameters = OperationalParameters()

  private let limits: NegotiationLimits
  /// Whether this is the first connection of its session: it speaks for all of them.
  private let isLeading: Bool
  /// Whether it is a discovery session, to which much does not apply.
  private let isDiscovery: Bool
  private var answered: Set<String> = []

  /// A negotiation in which nothing has been said. A further connection starts from what its session agreed on.
  public init(limits: NegotiationLimits, session: OperationalParameters? = nil, isDiscovery: Bool = false) {
    self.limits = limits
    self.isDiscovery = isDiscovery
    isLeading = session == nil
    if let session {
      parameters = session
      // These are the connection's own.
      parameters.headerDigest = false
      parameters.dataDigest = false
      parameters.initiatorSegmentOctets = OperationalParameters().initiatorSegmentOctets
    }
  }

  /// The answer to one key; `nil` where none is due.
  ///
  /// - Throws: ``TextError/repeatedKey`` if the key was there before, ``TextError/forbidden`` behind ``maximumKeys``.
  public mutating func answer(_ pair: TextPair) throws(TextError) -> TextPair? {
    guard answered.count < Negotiation.maximumKeys else { throw .forbidden }
    guard answered.insert(pair.key).inserted else { throw .repeatedKey }
    return answer(pair.key, pair.value).map { TextPair(pair.key, $0) }
  }

  /// Takes a segment length that the initiator declares again in full feature phase; `false` for one that cannot be.
  public mutating func redeclareSegmentOctets(_ value: String) -> Bool {
    declareSegmentOctets(value)
  }

  /// Ends the negotiation: a first burst is no longer than any burst.
  public mutating func finish() {
    parameters.firstBurstOctets = min(parameters.firstBurstOctets, parameters.maxBurstOctets)
  }

  private mutating func answer(_ key: String, _ value: String) -> String? {
    switch key {
    case "HeaderDigest": return Negotiation.digest(value) { parameters.headerDigest = $0 }
    case "DataDigest": return Negotiation.digest(value) { parameters.dataDigest = $0 }
    case "MaxRecvDataSegmentLength": return declareSegmentOctets(value) ? nil : "Reject"
    case "InitiatorAlias": return nil
    // Gone since RFC 7143, 13.25, but still to be refused by name.
    case "IFMarker", "OFMarker", "IFMarkInt", "OFMarkInt": return "Reject"
    case "MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength", "MaxOutstandingR2T",
      "DataPDUInOrder", "DataSequenceInOrder":
      guard isLeading else { return "Reject" }
      return isDiscovery ? "Irrelevant" : answerTransferKey(key, value)
    case "DefaultTime2Wait", "DefaultTime2Retain", "ErrorRecoveryLevel", "TaskReporting", "iSCSIProtocolLevel":
      return isLeading ? answerSessionKey(key, value) : "Reject"
    default: return "NotUnderstood"
    }
  }

  /// How data move: nothing that a discovery session has.
  private mutating func answerTransferKey(_ key: String, _ value: String) -> String {
    switch key {
    case "MaxConnections":
      return Negotiation.number(value, 1...65_535, atMost: limits.connections) { parameters.maxConnections = $0 }
    case "MaxBurstLength":
      return Negotiation.number(value, 512...0xFF_FFFF, atMost: limits.burstOctets) { parameters.maxBurstOctets = $0 }
    case "FirstBurstLength":
      return Negotiation.number(value, 512...0xFF_FFFF, atMost: limits.firstBurstOctets) {
        parameters.firstBurstOctets = $0
      }
    case "MaxOutstandingR2T":
      return Negotiation.number(value, 1...65_535, atMost: limits.outstandingR2T) { parameters.maxOutstandingR2T = $0 }
    // OR, and AND: we can do either.
    case "InitialR2T": return Negotiation.bool(value) { parameters.initialR2T = $0 }
    case "ImmediateData": return Negotiation.bool(value) { parameters.immediateData = $0 }
    // OR, and we want data in order.
    default: return TextValue.bool(value) == nil ? "Reject" : "Yes"
    }
  }

  /// How a session fares when a connection is lost, and which standard it follows.
  private mutating func answerSessionKey(_ key: String, _ value: String) -> String {
    switch key {
    case "DefaultTime2Wait":
      guard let offered = TextValue.number(value), offered <= 3600 else { return "Reject" }
      parameters.time2Wait = max(Int(offered), parameters.time2Wait)
      return String(parameters.time2Wait)
    // Nothing is kept of a lost connection.
    case "DefaultTime2Retain": return Negotiation.number(value, 0...3600, atMost: 0) { parameters.time2Retain = $0 }
    case "ErrorRecoveryLevel": return Negotiation.number(value, 0...2, atMost: 0) { _ in }
    case "iSCSIProtocolLevel": return Negotiation.number(value, 0...31, atMost: 1) { _ in }
    default: return TextValue.list(value).contains("RFC3720") ? "RFC3720" : "Reject"
    }
  }

  private mutating func declareSegmentOctets(_ value: String) -> Bool {
    guard let octets = TextValue.number(value), (512...0xFF_FFFF).contains(octets) else { return false }
    parameters.initiatorSegmentOctets = Int(octets)
    return true
  }

  private static func digest(_ value: String, _ set: (Bool) -> Void) -> String {
    guard let chosen = TextValue.list(value).first(where: { $0 == "CRC32C" || $0 == "None" }) else { return "Reject" }
    set(chosen == "CRC32C")
    return chosen
  }

  private static func bool(_ value: String, _ set: (Bool) -> Void) -> String {
    guard let offered = TextValue.bool(value) else { return "Reject" }
    set(offered)
    return value
  }

  private static func number(
    _ value: String, _ range: ClosedRange<UInt64>, atMost limit: Int, _ set: (Int) -> Void
  ) -> String {
    guard let offered = TextValue.number(value), range.contains(offered) else { return "Reject" }
    let agreed = min(Int(offered), limit)
    set(agreed)
    return String(agreed)
  }
}
