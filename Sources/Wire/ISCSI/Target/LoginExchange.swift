/// One login (RFC 7143, 6.3): stage by stage from the first request to the last response.
struct LoginExchange {
  /// Why a login ends badly.
  struct Refusal: Error {
    let status: LoginStatus

    init(_ status: LoginStatus) { self.status = status }
  }

  /// What the initiator is answered, and where that leads.
  struct Answer {
    var pairs: [TextPair] = []
    /// The stage that begins with this answer, if one does.
    var nextStage: LoginStage?
  }

  let isid: ISID
  let tsih: UInt16
  let cid: UInt16
  private(set) var stage: LoginStage
  private(set) var initiatorName = ""
  private(set) var isDiscovery = false
  private var targetName: String?
  private var isFirst = true

  private let node: TargetNode
  private var negotiation: Negotiation
  private var chap: CHAPExchange?
  /// Whether the initiator may come in.
  private var isAuthentic: Bool
  private var hasDeclaredSegment = false

  /// Octets of a segment that the initiator was told it may send.
  var targetSegmentOctets: Int { hasDeclaredSegment ? node.limits.negotiation.segmentOctets : 8192 }
  var parameters: OperationalParameters { negotiation.parameters }
  var pendingChallenge: CHAPChallenge? { chap?.pendingChallenge }

  /// The login that begins with this request.
  init(_ request: BasicHeaderSegment, to node: TargetNode) throws(Refusal) {
    guard let stage = request.currentStage, stage != .fullFeature else { throw Refusal(.initiatorError) }
    guard request.versionMinimum == 0 else { throw Refusal(.unsupportedVersion) }
    self.node = node
    self.stage = stage
    isid = request.isid
    tsih = request.tsih
    cid = request.cid
    isAuthentic = node.authority == nil
    negotiation = Negotiation(limits: node.limits.negotiation)
    guard isAuthentic || stage == .security else { throw Refusal(.authenticationFailure) }
  }

  /// Whether a later request belongs to this login and follows its rules.
  func check(_ request: BasicHeaderSegment) throws(Refusal) {
    guard request.isid == isid, request.tsih == tsih, request.cid == cid, request.currentStage == stage,
      !(request.isTransit && request.isContinued)
    else { throw Refusal(.initiatorError) }
    guard request.isTransit else { return }
    guard let next = request.nextStage, next.rawValue > stage.rawValue else { throw Refusal(.initiatorError) }
  }

  /// Answers a whole text.
  mutating func answer(_ request: BasicHeaderSegment, _ pairs: [TextPair]) throws(Refusal) -> Answer {
    var answer = Answer()
    if isFirst {
      try introduce(pairs)
      isFirst = false
      if !isDiscovery {
        answer.pairs.append(TextPair("TargetPortalGroupTag", String(TargetNode.portalGroupTag)))
      }
    }
    answer.pairs += stage == .security ? try authenticate(pairs) : []
    for pair in pairs where !LoginExchange.isOfSecurity(pair.key) {
      do throws(TextError) {
        if let reply = try negotiation.answer(pair) { answer.pairs.append(reply) }
      } catch {
        throw Refusal(.initiatorError)
      }
    }
    if stage == .operational, !hasDeclaredSegment {
      hasDeclaredSegment = true
      answer.pairs.append(TextPair("MaxRecvDataSegmentLength", String(node.limits.negotiation.segmentOctets)))
    }
    // With more to say than one response holds, the stage ends another time.
    let fits = answer.pairs.reduce(0) { $0 + $1.octets.count } <= OperationalParameters().initiatorSegmentOctets
    if request.isTransit, let next = request.nextStage, isAuthentic, fits {
      stage = next
      answer.nextStage = next
      if next == .fullFeature { negotiation.finish() }
    }
    return answer
  }

  /// The names that the first request must bring.
  private mutating func introduce(_ pairs: [TextPair]) throws(Refusal) {
    func value(_ key: String) -> String? { pairs.first { $0.key == key }?.value }
    guard let name = value("InitiatorName"), (1...223).contains(name.utf8.count) else {
      throw Refusal(.missingParameter)
    }
    guard LoginExchange.isPrintable(name) else { throw Refusal(.initiatorError) }
    initiatorName = name
    switch value("SessionType") {
    case nil, "Normal": isDiscovery = false
    case "Discovery": isDiscovery = true
    default: throw Refusal(.sessionTypeNotSupported)
    }
    if !isDiscovery {
      guard let target = value("TargetName") else { throw Refusal(.missingParameter) }
      guard target == node.name else { throw Refusal(.notFound) }
    }
    guard tsih != 0 else {
      negotiation = Negotiation(limits: node.limits.negotiation, isDiscovery: isDiscovery)
      return
    }
    let session = try joinedSession()
    negotiation = Negotiation(limits: node.limits.negotiation, session: session.parameters)
  }

  /// Whether a name has nothing that a terminal would obey, nor spaces, as iSCSI names have not (RFC 7143, 4.2.7.2): it
  /// comes from a stranger, and people read it.
  private static func isPrintable(_ name: String) -> Bool {
    !name.unicodeScalars.contains { scalar in
      switch scalar.value {
      case 0...0x20, 0x7F...0xA0, 0xAD, 0x061C, 0x200B...0x200F, 0x2028...0x202F, 0x2060...0x206F, 0xFEFF: true
      default: false
      }
    }
  }

  /// The session that a further connection asks to join.
  func joinedSession() throws(Refusal) -> TargetSession {
    guard let session = node.session(tsih) else { throw Refusal(.sessionDoesNotExist) }
    guard session.isid == isid, session.initiatorName == initiatorName else { throw Refusal(.sessionDoesNotExist) }
    guard !isDiscovery, !session.isDiscovery else { throw Refusal(.cannotIncludeInSession) }
    let others = session.connections.count { $0.cid != cid }
    guard others < session.parameters.maxConnections else { throw Refusal(.tooManyConnections) }
    return session
  }

  private mutating func authenticate(_ pairs: [TextPair]) throws(Refusal) -> [TextPair] {
    if let methods = pairs.first(where: { $0.key == "AuthMethod" })?.value {
      guard chap == nil else { throw Refusal(.initiatorError) }
      let wanted = node.authority == nil ? "None" : "CHAP"
      guard TextValue.list(methods).contains(wanted) else { throw Refusal(.authenticationFailure) }
      chap = node.authority.map(CHAPExchange.init)
      return [TextPair("AuthMethod", wanted)]
    }
    guard chap != nil else { return [] }
    do throws(CHAPExchange.Failure) {
      let reply = try chap?.answer(pairs, outstanding: node.pendingChallenges) ?? []
      isAuthentic = chap?.isDone ?? false
      return reply
    } catch {
      throw Refusal(error == .forbidden ? .initiatorError : .authenticationFailure)
    }
  }

  private static func isOfSecurity(_ key: String) -> Bool {
    switch key {
    case "InitiatorName", "TargetName", "SessionType", "AuthMethod": true
    default: key.hasPrefix("CHAP_")
    }
  }
}
