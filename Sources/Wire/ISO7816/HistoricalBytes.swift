import Octets

/// How a card says what it can do, in the third octet of its capabilities (ISO/IEC 7816-4, 12.1.1.9, table 119).
public struct CardCapabilities: Hashable, Sendable {
  /// First octet: how files are selected; 80 by full DF name, 40 by partial DF name, 20 by path, 10 by identifier,
  /// 04 by short EF identifier.
  public var selectionMethods: UInt8
  /// Second octet: data coding; 01 says that a data unit is one octet and that writing is one-time.
  public var dataCoding: UInt8
  /// Whether it takes command chaining.
  public var commandChaining: Bool
  /// Whether it takes extended Lc and Le fields.
  public var extendedLength: Bool
  /// Whether EF.ATR/INFO tells the limits of extended length.
  public var extendedLengthInformation: Bool
  /// Whether the card itself assigns numbers of logical channels (MANAGE CHANNEL with P2 = 00).
  public var channelsAssignedByCard: Bool
  /// Whether the interface device may choose them.
  public var channelsAssignedByHost: Bool
  /// How many logical channels it has, 1 to 8; 8 stands for eight or more.
  public var logicalChannels: UInt8

  /// Capabilities; see the properties. `logicalChannels` is brought into 1...8.
  public init(
    selectionMethods: UInt8, dataCoding: UInt8, commandChaining: Bool, extendedLength: Bool,
    extendedLengthInformation: Bool, channelsAssignedByCard: Bool, channelsAssignedByHost: Bool,
    logicalChannels: UInt8
  ) {
    self.selectionMethods = selectionMethods
    self.dataCoding = dataCoding
    self.commandChaining = commandChaining
    self.extendedLength = extendedLength
    self.extendedLengthInformation = extendedLengthInformation
    self.channelsAssignedByCard = channelsAssignedByCard
    self.channelsAssignedByHost = channelsAssignedByHost
    self.logicalChannels = min(max(logicalChannels, 1), 8)
  }

  /// Capabilities from their one to three octets; what is missing is taken as zero, as the standard says.
  init(_ octets: [UInt8]) {
    func octet(_ index: Int) -> UInt8 { index < octets.count ? octets[index] : 0 }
    let third = octet(2)
    self.init(
      selectionMethods: octet(0), dataCoding: octet(1), commandChaining: third & 0x80 != 0,
      extendedLength: third & 0x40 != 0, extendedLengthInformation: third & 0x20 != 0,
      channelsAssignedByCard: third & 0x10 != 0, channelsAssignedByHost: third & 0x08 != 0,
      logicalChannels: (third & 0x07) + 1)
  }

  /// The three octets.
  public var octets: [UInt8] {
    var third = logicalChannels - 1
    if commandChaining { third |= 0x80 }
    if extendedLength { third |= 0x40 }
    if extendedLengthInformation { third |= 0x20 }
    if channelsAssignedByCard { third |= 0x10 }
    if channelsAssignedByHost { third |= 0x08 }
    return [selectionMethods, dataCoding, third]
  }
}

/// The historical bytes of an ATR in category 00, 10 or 80 (ISO/IEC 7816-4, 12.1.1); other categories are proprietary.
public struct HistoricalBytes: Hashable, Sendable {
  /// First octet: 00 compact-TLV with a status at the end, 80 compact-TLV, 10 a DIR reference, else proprietary.
  public var category: UInt8
  /// Card service data (tag 3), if told: 80 and 40 selection by full and partial DF name, 01 no MF, and so on.
  public var serviceData: UInt8?
  /// Capabilities (tag 7), if told.
  public var capabilities: CardCapabilities?
  /// Life cycle status octet, if told (5.4.10 of ISO/IEC 7816-4:2013, table 14).
  public var lifeCycle: UInt8?
  /// Processing status, if told.
  public var status: StatusWord?
  /// Card issuer's data (tag 5), if any, up to 15 octets.
  public var issuerData: [UInt8]

  /// Historical bytes of category 80.
  public init(
    serviceData: UInt8? = nil, capabilities: CardCapabilities? = nil, lifeCycle: UInt8? = nil,
    status: StatusWord? = nil, issuerData: [UInt8] = []
  ) {
    category = 0x80
    self.serviceData = serviceData
    self.capabilities = capabilities
    self.lifeCycle = lifeCycle
    self.status = status
    self.issuerData = issuerData
  }

  /// Reads historical bytes.
  ///
  /// - Throws: ``ATRError/historicalBytes`` when they contradict their category octet.
  public init(parsing octets: [UInt8]) throws(ATRError) {
    self.init()
    guard let first = octets.first else { throw .historicalBytes }
    category = first
    switch first {
    case 0x00:
      // The last three octets are life cycle, SW1, SW2, outside any object.
      guard octets.count >= 4 else { throw .historicalBytes }
      let end = octets.count - 3
      lifeCycle = octets[end]
      status = StatusWord(octets[end + 1], octets[end + 2])
      try readObjects(Array(octets[1..<end]))
    case 0x80:
      try readObjects(Array(octets[1...]))
    default:
      break
    }
  }

  private mutating func readObjects(_ octets: [UInt8]) throws(ATRError) {
    var position = 0
    while position < octets.count {
      let tag = octets[position] >> 4
      let length = Int(octets[position] & 15)
      position += 1
      guard length <= octets.count - position else { throw .historicalBytes }
      try readObject(tag, Array(octets[position..<(position + length)]))
      position += length
    }
  }

  private mutating func readObject(_ tag: UInt8, _ value: [UInt8]) throws(ATRError) {
    switch tag {
    case 3:
      guard value.count == 1 else { throw .historicalBytes }
      serviceData = value[0]
    case 5:
      issuerData = value
    case 7:
      guard (1...3).contains(value.count) else { throw .historicalBytes }
      capabilities = CardCapabilities(value)
    case 8:
      try readStatus(value)
    default:
      // Other objects (country, initial access data, ...) say nothing that a driver acts on.
      break
    }
  }

  private mutating func readStatus(_ value: [UInt8]) throws(ATRError) {
    switch value.count {
    case 1: lifeCycle = value[0]
    case 2: status = StatusWord(value[0], value[1])
    case 3: (lifeCycle, status) = (value[0], StatusWord(value[1], value[2]))
    default: throw .historicalBytes
    }
  }

  /// The historical bytes as octets, in category 80.
  ///
  /// - Throws: ``ATRError/historicalBytes`` when they do not fit 15 octets.
  public func encoded() throws(ATRError) -> [UInt8] {
    guard issuerData.count <= 13 else { throw .historicalBytes }
    var octets: [UInt8] = [0x80]
    if let serviceData { octets += [0x31, serviceData] }
    if !issuerData.isEmpty { octets += [0x50 | UInt8(issuerData.count)] + issuerData }
    if let capabilities { octets += [0x73] + capabilities.octets }
    switch (lifeCycle, status) {
    case (nil, nil): break
    case (let lifeCycle?, nil): octets += [0x81, lifeCycle]
    case (nil, let status?): octets += [0x82, status.sw1, status.sw2]
    case (let lifeCycle?, let status?): octets += [0x83, lifeCycle, status.sw1, status.sw2]
    }
    guard octets.count <= 15 else { throw .historicalBytes }
    return octets
  }
}
