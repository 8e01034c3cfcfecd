import CardProtocol
import ISO7816
import Octets

/// SELECT (ISO/IEC 7816-4, 11.2.2). The card has one flat directory: the master file, and every elementary file in it.
extension Card {
  /// P1 04 by AID, 00 by identifier, 02 an elementary file by identifier, 08 by path from the master file.
  func select(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard let control = SelectionControl(header.p2) else { throw .incorrectP1P2 }
    switch header.p1 {
    case 0x04: return try selectApplication(data, control)
    case 0x00, 0x02, 0x08:
      guard !control.isNext else { throw .incorrectP1P2 }
      try selectFile(header.p1, data, control)
      return .ok
    default: throw .incorrectP1P2
    }
  }

  // MARK: Applications

  /// Selecting an application drops what was staged, forgets the file and restores the security environment; the PIN
  /// stays verified on this channel. Without a name it is the issuer security domain (GlobalPlatform 2.3.1, 11.9).
  private func selectApplication(_ aid: RawSpan, _ control: SelectionControl) throws(StatusWord) -> StatusWord {
    guard aid.byteCount <= 16 else { throw .wrongLength }
    guard let found = application(aid, after: control.isNext ? channels.current.application : nil) else {
      throw .fileNotFound
    }
    if session.channel == channels.number { dropStaging() }
    channels.current.application = found
    channels.current.file = .none
    channels.current.environment = SecurityEnvironment()
    try answer(control) { (template) throws(OctetError) in
      if control.answer == .parameters { try template.append(fileDescriptor: 0x38) }
      try template.appendTLV(tag: 0x84, found.identifier.span.bytes)
      if control.answer == .parameters { return try template.appendLifeCycleStatus() }
      try template.appendTLV(tag: 0xA5) { (proprietary) throws(OctetError) in
        try proprietary.append(UInt16(0x9F65))
        try proprietary.append(UInt8(2))
        try proprietary.append(longestCommandData)
      }
    }
    return lifeCycle == .cardLocked ? .selectedFileInvalidated : .ok
  }

  /// The first application, or the first after another, whose identifier begins with `aid`.
  ///
  /// What is shorter than a registered application provider's five octets names nobody, but for no name at all.
  private func application(_ aid: RawSpan, after current: Application?) -> Application? {
    guard aid.byteCount == 0 || aid.byteCount >= 5 else { return nil }
    var next = Application(rawValue: current.map { $0.rawValue + 1 } ?? 0)
    while let candidate = next {
      let identifier = candidate.identifier
      let name = identifier.span.bytes
      let isSelectable = candidate != .warifu || !isApplicationLocked
      if isSelectable, aid.byteCount <= name.byteCount, constantTimeEqual(name.extracting(0..<aid.byteCount), aid) {
        return candidate
      }
      next = Application(rawValue: candidate.rawValue + 1)
    }
    return nil
  }

  /// The most data that one command can carry, beside a header and the length fields that such a length needs.
  private var longestCommandData: UInt16 { max(255, profile.commandOctets - 9) }

  // MARK: Files

  private func selectFile(
    _ method: UInt8, _ data: RawSpan, _ control: SelectionControl
  ) throws(StatusWord) {
    if method == 0x00, data.byteCount == 0 { return try selectMasterFile(control) }
    guard data.byteCount == 2 else { throw .wrongLength }
    let identifier = UInt16(data[octet: 0]) << 8 | UInt16(data[octet: 1])
    switch identifier {
    case FileIdentifier.master:
      guard method == 0x00 else { throw .fileNotFound }
      try selectMasterFile(control)
    case FileIdentifier.information:
      try answer(control, file: identifier, size: information.count)
      channels.current.file = .information
    default:
      guard lifeCycle == .secured else { throw .conditionsNotSatisfied }
      guard let slot = fileSlot(identifier), let size = fileSize(slot) else { throw .fileNotFound }
      try answer(control, file: identifier, size: size)
      channels.current.file = .carried(slot)
    }
  }

  private func selectMasterFile(_ control: SelectionControl) throws(StatusWord) {
    try answer(control) { (template) throws(OctetError) in
      try template.append(fileDescriptor: 0x38)
      try template.append(fileIdentifier: FileIdentifier.master)
      try template.appendLifeCycleStatus()
    }
    channels.current.file = .none
  }

  /// What is told of a transparent elementary file: its size, and who it is.
  private func answer(_ control: SelectionControl, file identifier: UInt16, size: Int) throws(StatusWord) {
    try answer(control) { (template) throws(OctetError) in
      try template.appendTLV(tag: 0x80) { (value) throws(OctetError) in try value.append(UInt16(clamping: size)) }
      try template.append(fileDescriptor: 0x01)
      try template.append(fileIdentifier: identifier)
      try template.appendLifeCycleStatus()
    }
  }

  /// The template that P2 asks for, if it asks for one.
  private func answer(
    _ control: SelectionControl, _ content: (OctetBuffer) throws(OctetError) -> Void
  ) throws(StatusWord) {
    guard let tag = control.answer.tag else { return }
    try writing { () throws(OctetError) in try output.appendTLV(tag: tag, content) }
  }
}

/// P2 of SELECT (ISO/IEC 7816-4, 11.2.2).
private struct SelectionControl {
  enum Answer: UInt8 {
    /// File control information.
    case information = 0x00
    /// File control parameters.
    case parameters = 0x04
    /// Nothing.
    case none = 0x0C

    var tag: UInt32? {
      switch self {
      case .information: 0x6F
      case .parameters: 0x62
      case .none: nil
      }
    }
  }

  let answer: Answer
  /// Whether the next occurrence is meant, and not the first.
  let isNext: Bool

  /// `nil` for what the card does not do: last and previous occurrence, file management data.
  init?(_ p2: UInt8) {
    guard p2 & 0xF1 == 0, let answer = Answer(rawValue: p2 & 0x0C) else { return nil }
    self.answer = answer
    isNext = p2 & 0x02 != 0
  }
}

extension OctetBuffer {
  /// File descriptor octet: 38 for a dedicated file, 01 for a transparent working file.
  fileprivate func append(fileDescriptor: UInt8) throws(OctetError) {
    try appendTLV(tag: 0x82) { (value) throws(OctetError) in try value.append(fileDescriptor) }
  }

  fileprivate func append(fileIdentifier: UInt16) throws(OctetError) {
    try appendTLV(tag: 0x83) { (value) throws(OctetError) in try value.append(fileIdentifier) }
  }

  /// Life cycle status octet: operational, activated.
  fileprivate func appendLifeCycleStatus() throws(OctetError) {
    try appendTLV(tag: 0x8A) { (value) throws(OctetError) in try value.append(UInt8(0x05)) }
  }
}

/// File identifiers that carry no software: ISO/IEC 7816-4 has given them away, or we have.
enum FileIdentifier {
  /// The master file.
  static let master: UInt16 = 0x3F00
  /// EF.DIR, which this card does not have.
  static let directory: UInt16 = 0x2F00
  /// EF.ATR/INFO.
  static let information: UInt16 = 0x2F01

  /// Whether a carried file may not have it.
  static func isReserved(_ identifier: UInt16) -> Bool {
    identifier == master || identifier == directory || identifier == information || identifier == 0x3FFF
      || identifier == 0xFFFF
  }
}

extension Application {
  /// Its AID.
  var identifier: InlineArray<8, UInt8> {
    switch self {
    case .issuerDomain: CardAID.issuerDomain
    case .warifu: CardAID.application
    }
  }
}

/// The card's application identifiers, as ``CardProtocol`` has them, without an allocation.
enum CardAID {
  static let application: InlineArray<8, UInt8> = [0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x01]
  /// The load file that the firmware is, as the registry names it.
  static let loadFile: InlineArray<8, UInt8> = [0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x00]
  static let issuerDomain: InlineArray<8, UInt8> = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]
}
