import Octets

// Text exchanges in full feature phase (RFC 7143, 11.10 and appendix C).
extension TargetConnection {
  func handleText(_ header: BasicHeaderSegment, _ data: RawSpan) {
    // A new exchange has no tag; one that goes on has ours.
    if header.targetTransferTag == BasicHeaderSegment.noTag {
      incomingText = []
      outgoingText = []
    } else if header.targetTransferTag != textTransferTag {
      return reject(header, .invalidField)
    }
    guard incomingText.count + data.byteCount <= node.limits.textOctets else {
      incomingText = []
      return reject(header, .longOperationReject)
    }
    incomingText += data.octets
    guard !header.isContinued else { return respond(toText: header, isWhole: false) }
    if outgoingText.isEmpty {
      let pairs: [TextPair]
      do throws(TextError) { pairs = try TextPair.parse(incomingText) } catch {
        incomingText = []
        return reject(header, .protocolError)
      }
      outgoingText = pairs.flatMap { answer($0).flatMap { $0.octets } }
    }
    incomingText = []
    respond(toText: header, isWhole: true)
  }

  /// Sends as much of the answer as one PDU holds.
  private func respond(toText header: BasicHeaderSegment, isWhole: Bool) {
    let part = isWhole ? Array(outgoingText.prefix(parameters.initiatorSegmentOctets)) : []
    outgoingText.removeFirst(part.count)
    var response = BasicHeaderSegment(.textResponse)
    response.lun = header.lun
    response.initiatorTaskTag = header.initiatorTaskTag
    response.isContinued = isWhole && !outgoingText.isEmpty
    response.isFinal = isWhole && outgoingText.isEmpty && header.isFinal
    textTransferTag = response.isFinal ? BasicHeaderSegment.noTag : node.makeTransferTag()
    response.targetTransferTag = textTransferTag
    send(response, data: part.span.bytes)
  }

  private func answer(_ pair: TextPair) -> [TextPair] {
    switch pair.key {
    case "SendTargets": return sendTargets(pair.value)
    case "MaxRecvDataSegmentLength":
      var negotiation = Negotiation(limits: node.limits.negotiation, session: parameters)
      guard negotiation.redeclareSegmentOctets(pair.value) else { return [TextPair(pair.key, "Reject")] }
      parameters.initiatorSegmentOctets = negotiation.parameters.initiatorSegmentOctets
      return []
    case "InitiatorAlias": return []
    case "HeaderDigest", "DataDigest", "MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength",
      "FirstBurstLength", "MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder", "DefaultTime2Wait",
      "DefaultTime2Retain", "ErrorRecoveryLevel", "TaskReporting", "InitiatorName", "TargetName", "SessionType",
      "AuthMethod", "IFMarker", "OFMarker", "IFMarkInt", "OFMarkInt", "TargetAlias", "TargetAddress",
      "TargetPortalGroupTag", "iSCSIProtocolLevel":
      // Settled at login.
      return [TextPair(pair.key, "Reject")]
    default: return [TextPair(pair.key, "NotUnderstood")]
    }
  }

  /// All targets, or the one named; in a normal session none but the session's own (RFC 7143, appendix C).
  private func sendTargets(_ value: String) -> [TextPair] {
    guard let session else { return [] }
    if value == "All", !session.isDiscovery { return [TextPair("SendTargets", "Reject")] }
    guard value == "All" || value == node.name || (value.isEmpty && !session.isDiscovery) else { return [] }
    return [
      TextPair("TargetName", node.name),
      TextPair("TargetAddress", "\(outlet.localAddress),\(TargetNode.portalGroupTag)"),
    ]
  }
}
