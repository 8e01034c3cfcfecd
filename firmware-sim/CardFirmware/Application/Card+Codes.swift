import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// A code as it lies in the store: state (1) ‖ the record as charged, its uses counted down.
struct StoredCode {
  /// Octets before the ID.
  static let headOctets = 40

  var state: CodeState
  var generationKey: UInt8
  var flags: UInt8
  var expiry: UInt64
  /// Uses left; 0 for without limit while the state is not spent.
  var uses: UInt16
  /// Octets of the ID behind the head.
  var messageIDOctets: Int

  /// Reads the head of a stored code.
  init(_ octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    guard let state = CodeState(rawValue: try reader.u8()) else { throw .invalid }
    self.state = state
    _ = try reader.take(CardProtocol.codeOctets)
    generationKey = try reader.u8()
    flags = try reader.u8()
    expiry = try reader.u64()
    uses = try reader.u16()
    _ = try reader.take(SoftwareID.octetCount)
    messageIDOctets = Int(try reader.u8())
    guard reader.remaining == messageIDOctets else { throw .invalid }
  }

  /// Whether somebody may still use it, as far as its state tells.
  var isLive: Bool { state.isLive }

  /// Offsets inside the record.
  static let stateOffset = 0
  static let codeOffset = 1
  static let usesOffset = 21
  static let softwareIDOffset = 23
}

extension RawSpan {
  /// The code in a stored record.
  var storedCode: RawSpan {
    @_lifetime(copy self) get { extracting(StoredCode.codeOffset..<(StoredCode.codeOffset + CardProtocol.codeOctets)) }
  }

  /// The ID beside the code in a stored record.
  var storedMessageID: RawSpan {
    @_lifetime(copy self) get { extracting(StoredCode.headOctets..<byteCount) }
  }
}

extension CodeState {
  /// Whether a code in this state may still be used.
  var isLive: Bool { self == .charged || self == .handedOver }
}

/// Retrieval codes: their states, handing over and listing (P3, P8).
extension Card {
  /// Reads the code at `index` into `record` and decodes its head.
  ///
  /// - Throws: 6A88 when there is none.
  func fetchCode(_ index: UInt16) throws(StatusWord) -> StoredCode {
    guard index < profile.codeCapacity else { throw .referencedDataNotFound }
    record.wipe()
    let code = try store.withValue(CardLayout.code(index)) { (octets) throws(StatusWord) -> StoredCode in
      do throws(OctetError) {
        try record.append(octets)
        return try StoredCode(octets)
      } catch {
        throw StatusWord.executionError
      }
    }
    guard let code else { throw .referencedDataNotFound }
    return code
  }

  /// `charged → handedOver`; asked again, a handed-over code is given again, so that a cut line loses none.
  func handOverCode(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard data.byteCount == 0 else { throw .wrongLength }
    try requirePIN()
    defer { record.wipe() }
    let code = try fetchCode(header.p1p2)
    guard code.isLive else { throw .conditionsNotSatisfied }
    try checkDate(code, header.p1p2)
    if code.state == .charged {
      try replaceCode(header.p1p2, state: .handedOver, uses: code.uses)
    }
    try record.withBytes { (octets) throws(StatusWord) in
      try reading { () throws(OctetError) in
        var reader = OctetReader(octets)
        _ = try reader.take(StoredCode.codeOffset)
        try output.append(try reader.take(CardProtocol.codeOctets))
        _ = try reader.take(StoredCode.softwareIDOffset - StoredCode.codeOffset - CardProtocol.codeOctets)
        try output.append(try reader.take(SoftwareID.octetCount))
      }
    }
  }

  /// States and terms, never codes.
  func listCodes(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard data.byteCount == 0 else { throw .wrongLength }
    guard header.p1p2 <= profile.codeCapacity else { throw .referencedDataNotFound }
    let room = min(header.le ?? 256, answerRoom)
    for index in header.p1p2..<profile.codeCapacity where has(CardLayout.code(index)) {
      guard output.count + 31 <= room else {
        record.wipe()
        return StatusWord(0x63, 0x10)
      }
      let code = try fetchCode(index)
      try writing { () throws(OctetError) in
        try output.append(index)
        try output.append(effectiveState(code).rawValue)
        try output.append(code.generationKey)
        try output.append(code.flags)
        try output.append(code.expiry)
        try output.append(code.uses)
        try record.withBytes { (octets) throws(OctetError) in
          var reader = OctetReader(octets)
          _ = try reader.take(StoredCode.softwareIDOffset)
          try output.append(try reader.take(SoftwareID.octetCount))
        }
      }
    }
    record.wipe()
    return .ok
  }

  /// One use less; the last one spends the code. Nothing is written for codes without a limit.
  func countUse(_ code: StoredCode, _ index: UInt16) throws(StatusWord) {
    guard code.uses > 0 else { return }
    let left = code.uses - 1
    try replaceCode(index, state: left == 0 ? .spent : code.state, uses: left)
  }

  /// Writes the code in `record` back with another state and count.
  private func replaceCode(_ index: UInt16, state: CodeState, uses: UInt16) throws(StatusWord) {
    let newState = InlineArray<1, UInt8>(repeating: state.rawValue)
    let newUses: InlineArray<2, UInt8> = [UInt8(uses >> 8), UInt8(truncatingIfNeeded: uses)]
    try writing { () throws(OctetError) in
      try record.replace(at: StoredCode.stateOffset, with: newState.span.bytes)
      try record.replace(at: StoredCode.usesOffset, with: newUses.span.bytes)
    }
    try atomically { () throws(StatusWord) in
      try record.withBytes { (octets) throws(StatusWord) in try put(CardLayout.code(index), octets) }
    }
  }

  /// Refuses a code past its date, and writes that down (P8); wants fresh time where the code's terms ask for it.
  func checkDate(_ code: StoredCode, _ index: UInt16) throws(StatusWord) {
    if code.flags & ChargeRecord.needsFreshTime != 0, !session.hasFreshTime { throw .conditionsNotSatisfied }
    guard effectiveState(code) == .expired else { return }
    try replaceCode(index, state: .expired, uses: code.uses)
    throw .conditionsNotSatisfied
  }

  /// The state by the last known time.
  func effectiveState(_ code: StoredCode) -> CodeState {
    code.isLive && code.expiry != 0 && knownTime > code.expiry ? .expired : code.state
  }
}
