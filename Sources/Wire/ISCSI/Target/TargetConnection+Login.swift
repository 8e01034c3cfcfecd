import Octets

// Login phase (RFC 7143, 6.3 and 11.12).
extension TargetConnection {
  func handleLogin(_ header: BasicHeaderSegment, _ data: RawSpan) {
    guard header.opcode == .loginRequest else {
      // Who does not even begin to log in gets no answer.
      if login == nil { drop(.protocolError) } else { refuse(header, .invalidDuringLogin) }
      return
    }
    do throws(LoginExchange.Refusal) {
      if login == nil {
        login = try LoginExchange(header, to: node)
        cid = header.cid
        statSN = header.expStatSN
      }
      try login?.check(header)
      try takeText(header, data)
    } catch {
      refuse(header, error.status)
    }
  }

  /// Takes the request's part of a text, and answers when the text is whole.
  private func takeText(_ header: BasicHeaderSegment, _ data: RawSpan) throws(LoginExchange.Refusal) {
    guard outgoingText.isEmpty || data.byteCount == 0 else { throw .init(.initiatorError) }
    guard incomingText.count + data.byteCount <= node.limits.textOctets else { throw .init(.initiatorError) }
    incomingText += data.octets
    if header.isContinued {
      respond(to: header, nil)
      return
    }
    if !outgoingText.isEmpty {
      respond(to: header, nil)
      return
    }
    let pairs: [TextPair]
    do throws(TextError) { pairs = try TextPair.parse(incomingText) } catch { throw .init(.initiatorError) }
    incomingText = []
    guard var exchange = login else { return }
    // Kept whatever comes of it; a copy works meanwhile, since the target asks all logins for their challenges.
    defer { login = phase == .login ? exchange : nil }
    let answer = try exchange.answer(header, pairs)
    login = exchange
    outgoingText = answer.pairs.flatMap { $0.octets }
    if answer.nextStage == .fullFeature { try enterSession(header) }
    respond(to: header, answer.nextStage)
    if answer.nextStage == .fullFeature { beginFullFeature() }
  }

  /// Sends as much of the answer as one response holds.
  private func respond(to request: BasicHeaderSegment, _ nextStage: LoginStage?) {
    let part = Array(outgoingText.prefix(OperationalParameters().initiatorSegmentOctets))
    outgoingText.removeFirst(part.count)
    var response = loginResponse(to: request)
    response.isContinued = !outgoingText.isEmpty
    if let nextStage, outgoingText.isEmpty {
      response.isTransit = true
      response.nextStage = nextStage
    }
    if nextStage == .fullFeature, let session { response.tsih = session.tsih }
    send(response, data: part.span.bytes)
  }

  /// Refuses the login and ends the connection.
  func refuse(_ request: BasicHeaderSegment, _ status: LoginStatus) {
    note(.loginRefused(status))
    var response = loginResponse(to: request)
    response.loginStatus = status
    send(response)
    end()
  }

  private func loginResponse(to request: BasicHeaderSegment) -> BasicHeaderSegment {
    var response = BasicHeaderSegment(.loginResponse)
    response.isTransit = false
    response.currentStage = request.currentStage
    response.nextStage = .security
    response.isid = request.isid
    response.tsih = request.tsih
    response.initiatorTaskTag = request.initiatorTaskTag
    response.expCmdSN = request.cmdSN
    response.maxCmdSN = request.cmdSN &+ node.limits.commands &- 1
    return response
  }

  /// Opens a session, or joins the one that was asked for.
  private func enterSession(_ request: BasicHeaderSegment) throws(LoginExchange.Refusal) {
    guard let login else { return }
    let entered: TargetSession
    if login.tsih == 0 {
      guard let opened = node.open(login, by: self, expCmdSN: request.cmdSN) else { throw .init(.outOfResources) }
      entered = opened
    } else {
      entered = try login.joinedSession()
      // The same connection again: the old one is lost, though nobody has noticed yet (RFC 7143, 6.3.4).
      if let old = entered.connections.first(where: { $0.cid == cid }) {
        entered.add(self)
        old.drop(.lost)
        session = entered
        return
      }
    }
    entered.add(self)
    session = entered
  }

  private func beginFullFeature() {
    guard let login else { return }
    parameters = login.parameters
    segmentOctets = login.targetSegmentOctets
    phase = .fullFeature
    note(.loggedIn(isDiscovery: login.isDiscovery))
    self.login = nil
  }
}
