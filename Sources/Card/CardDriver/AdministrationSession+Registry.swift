import CardProtocol
import ISO7816
import Identifiers
import Octets

/// One entry of a card's registry, as GET STATUS tells it (GlobalPlatform 2.3.1, table 11-36).
public struct RegistryEntry: Sendable, Hashable {
  /// AID of the application, security domain or load file.
  public var applicationID: [UInt8]
  /// Life-cycle state; its coding depends on what the entry is.
  public var lifeCycle: UInt8
  /// Privileges, 3 octets; empty for a load file.
  public var privileges: [UInt8]
  /// The load file that an application comes from.
  public var loadFileID: [UInt8]?
  /// The modules in a load file.
  public var moduleIDs: [[UInt8]]
  /// The security domain that it belongs to.
  public var securityDomainID: [UInt8]?

  /// Reads the value of one E3.
  ///
  /// - Throws: ``OctetError`` when it is no BER-TLV, or AID or state is missing.
  init(_ octets: RawSpan) throws(OctetError) {
    guard let name = try BERTLV.firstValue(of: 0x4F, in: octets),
      let state = try BERTLV.firstValue(of: 0x9F70, in: octets), state.byteCount == 1
    else { throw .invalid }
    applicationID = name.octets
    lifeCycle = state[octet: 0]
    privileges = try BERTLV.firstValue(of: 0xC5, in: octets)?.octets ?? []
    loadFileID = try BERTLV.firstValue(of: 0xC4, in: octets)?.octets
    securityDomainID = try BERTLV.firstValue(of: 0xCC, in: octets)?.octets
    moduleIDs = []
    var reader = TLVReader(octets)
    while !reader.isAtEnd {
      let object = try reader.next()
      if object.tag == 0x84 { moduleIDs.append(object.value.octets) }
    }
  }
}

/// The registry, and what an administrator does to keys and applications by name.
extension AdministrationSession {
  /// The entries of these kinds; GET STATUS is repeated while the card says that more follow.
  public mutating func registry(
    _ elements: CommandAPDU.RegistryElements
  ) throws(CardError) -> [RegistryEntry] {
    let operation = "read the card's registry"
    var entries: [RegistryEntry] = []
    var response = try exchange(.getStatus(elements), operation: operation)
    while true {
      let isLast = response.status == .ok
      guard isLast || response.status == StatusWord(0x63, 0x10) else {
        throw CardError(response.status, operation: operation)
      }
      let page = try AdministrationSession.entries(response.data, operation)
      // A card that says "more" and gives nothing would keep us here for ever.
      guard isLast || !page.isEmpty else { throw .unexpectedAnswer(operation) }
      entries += page
      if isLast { return entries }
      response = try exchange(.getStatus(elements, isContinued: true), operation: operation)
    }
  }

  /// Deletes a further key set, or a generation key that no live code needs.
  public mutating func deleteKey(version: UInt8) throws(CardError) {
    try data(.deleteKey(version: version), operation: "delete a key")
  }

  /// Locks the Warifu application, or unlocks it.
  public mutating func setApplicationLock(_ isLocked: Bool) throws(CardError) {
    try data(.setApplicationLock(isLocked), operation: isLocked ? "lock the application" : "unlock the application")
  }

  /// Leads the card into another state of its life.
  ///
  /// - Parameter serial: of the card that is meant; any other refuses with 6A80.
  public mutating func setStatus(_ state: LifeCycle, serial: CardSerial) throws(CardError) {
    try data(.setStatus(state, serial: serial), operation: "set the card's state")
  }

  private static func entries(_ octets: [UInt8], _ operation: String) throws(CardError) -> [RegistryEntry] {
    do throws(OctetError) {
      var reader = TLVReader(octets.span.bytes)
      var entries: [RegistryEntry] = []
      while !reader.isAtEnd {
        let object = try reader.next()
        guard object.tag == 0xE3 else { throw OctetError.invalid }
        entries.append(try RegistryEntry(object.value))
      }
      return entries
    } catch {
      throw .unexpectedAnswer(operation)
    }
  }
}
