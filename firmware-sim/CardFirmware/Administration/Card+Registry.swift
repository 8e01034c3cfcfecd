import CardProtocol
import ISO7816
import Octets

/// GET STATUS: the card's registry (GlobalPlatform 2.3.1, 11.4).
///
/// The registry has three entries: the issuer security domain, the load file that is the firmware, and the Warifu
/// application made from the module in it. Carried software is data to the card and has no entry.
extension Card {
  func getStatus(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard let form = RegistryForm(header.p2), RegistryElements.isDefined(header.p1) else { throw .incorrectP1P2 }
    try requireAuthenticatedHost()
    let search = try RegistrySearch(data)
    var position: UInt8 = 0
    if form.continues {
      guard let cursor = session.registryCursor, cursor.elements == header.p1 else { throw .conditionsNotSatisfied }
      position = cursor.next
    }
    session.registryCursor = nil
    let room = min(header.le ?? 256, answerRoom)
    for index in Int(position)..<RegistryEntry.all.count where RegistryEntry.all[index].matches(header.p1, search) {
      let entry = RegistryEntry.all[index]
      let start = output.count
      try writing { () throws(OctetError) in
        try form.isTLV ? appendObject(entry, header.p1, search) : appendRow(entry, header.p1)
      }
      // One entry goes out whatever Le is, in parts if need be; further ones only whole.
      if start > 0, output.count > room {
        output.truncate(to: start)
        session.registryCursor = (header.p1, entry.rawValue)
        return StatusWord(0x63, 0x10)
      }
    }
    guard output.count > 0 else { throw .referencedDataNotFound }
    return .ok
  }

  /// The deprecated form: length of AID (1) ‖ AID ‖ state (1) ‖ privileges (1), and for a load file asked with its
  /// modules their number (1) and AIDs with their lengths.
  private func appendRow(_ entry: RegistryEntry, _ elements: UInt8) throws(OctetError) {
    let name = entry.applicationID
    try output.append(UInt8(8))
    try output.append(name.span.bytes)
    try output.append(state(of: entry))
    try output.append(entry == .issuerDomain ? RegistryEntry.domainPrivileges[0] : 0)
    guard entry == .loadFile, elements & RegistryElements.filesAndModules != 0 else { return }
    let module = CardAID.application
    try output.append(UInt8(1))
    try output.append(UInt8(8))
    try output.append(module.span.bytes)
  }

  /// The form of today: E3 with a data object for each property that the search's tag list asks for.
  private func appendObject(_ entry: RegistryEntry, _ elements: UInt8, _ search: RegistrySearch) throws(OctetError) {
    try output.appendTLV(tag: 0xE3) { (_) throws(OctetError) in try appendProperties(entry, elements, search) }
  }

  private func appendProperties(
    _ entry: RegistryEntry, _ elements: UInt8, _ search: RegistrySearch
  ) throws(OctetError) {
    let name = entry.applicationID
    let domain = CardAID.issuerDomain
    try append(0x4F, name.span.bytes, search)
    let state = InlineArray<1, UInt8>(repeating: state(of: entry))
    try append(0x9F70, state.span.bytes, search)
    switch entry {
    case .issuerDomain:
      let privileges = RegistryEntry.domainPrivileges
      try append(0xC5, privileges.span.bytes, search)
    case .application:
      let privileges = InlineArray<3, UInt8>(repeating: 0)
      let file = CardAID.loadFile
      try append(0xC5, privileges.span.bytes, search)
      try append(0xC4, file.span.bytes, search)
      try append(0xCC, domain.span.bytes, search)
    case .loadFile:
      let module = CardAID.application
      let version: InlineArray<2, UInt8> = [1, 0]
      try append(0xCE, version.span.bytes, search)
      if elements & RegistryElements.filesAndModules != 0 { try append(0x84, module.span.bytes, search) }
      try append(0xCC, domain.span.bytes, search)
    }
  }

  private func append(_ tag: UInt32, _ value: RawSpan, _ search: RegistrySearch) throws(OctetError) {
    if search.wants(tag) { try output.appendTLV(tag: tag, value) }
  }

  /// Life-cycle state (GlobalPlatform 2.3.1, tables 11-4 to 11-6).
  private func state(of entry: RegistryEntry) -> UInt8 {
    switch entry {
    case .issuerDomain: lifeCycle.rawValue
    case .application: applicationState
    case .loadFile: 0x01
    }
  }
}

/// One entry of the registry, in the order of GET STATUS.
private enum RegistryEntry: UInt8 {
  case issuerDomain, application, loadFile

  static let all: InlineArray<3, RegistryEntry> = [.issuerDomain, .application, .loadFile]

  /// Security domain, card lock, card terminate, selected by default; global registry (table 6-1).
  static let domainPrivileges: InlineArray<3, UInt8> = [0x9C, 0x04, 0x00]

  var applicationID: InlineArray<8, UInt8> {
    switch self {
    case .issuerDomain: CardAID.issuerDomain
    case .application: CardAID.application
    case .loadFile: CardAID.loadFile
    }
  }

  /// Whether P1 asks for this kind, and the search for this name; for the issuer security domain the search is ignored
  /// (11.4.2.1).
  func matches(_ elements: UInt8, _ search: RegistrySearch) -> Bool {
    switch self {
    case .issuerDomain: elements & RegistryElements.issuerDomain != 0
    case .application: elements & RegistryElements.applications != 0 && search.finds(applicationID)
    case .loadFile:
      elements & (RegistryElements.files | RegistryElements.filesAndModules) != 0 && search.finds(applicationID)
    }
  }
}

/// P1: which kinds of entries.
private enum RegistryElements {
  static let issuerDomain: UInt8 = 0x80, applications: UInt8 = 0x40, files: UInt8 = 0x20, filesAndModules: UInt8 = 0x10

  /// Hosts of before 2.2 ask for several kinds at once, so every sum of kinds is taken.
  static func isDefined(_ p1: UInt8) -> Bool { p1 != 0 && p1 & 0x0F == 0 }
}

/// P2: in which form, and whether from the start.
private struct RegistryForm {
  let isTLV: Bool
  let continues: Bool

  init?(_ p2: UInt8) {
    guard p2 <= 3 else { return nil }
    isTLV = p2 & 2 != 0
    continues = p2 & 1 != 0
  }
}

/// The command's data: 4F with the front of a name, and 5C with the tags wanted.
private struct RegistrySearch: ~Escapable {
  private let name: RawSpan
  private let tags: RawSpan

  @_lifetime(copy data)
  init(_ data: RawSpan) throws(StatusWord) {
    do { self = try RegistrySearch(parsing: data) } catch { throw .incorrectData }
  }

  @_lifetime(copy data)
  private init(parsing data: RawSpan) throws(OctetError) {
    var reader = TLVReader(data)
    let first = try reader.next()
    guard first.tag == 0x4F, first.value.byteCount <= 16 else { throw .invalid }
    name = first.value
    guard !reader.isAtEnd else {
      tags = data.extracting(0..<0)
      return
    }
    let second = try reader.next()
    guard second.tag == 0x5C, second.value.byteCount > 0, reader.isAtEnd else { throw .invalid }
    tags = second.value
  }

  func finds(_ applicationID: InlineArray<8, UInt8>) -> Bool {
    guard name.byteCount <= 8 else { return false }
    for index in 0..<name.byteCount where name[octet: index] != applicationID[index] { return false }
    return true
  }

  /// Whether the tag list names `tag`; without one, everything is wanted.
  func wants(_ tag: UInt32) -> Bool {
    guard tags.byteCount > 0 else { return true }
    var index = 0
    while index < tags.byteCount {
      var found = UInt32(tags[octet: index])
      index += 1
      if found & 0x1F == 0x1F, index < tags.byteCount {
        found = found << 8 | UInt32(tags[octet: index])
        index += 1
      }
      if found == tag { return true }
    }
    return false
  }
}
