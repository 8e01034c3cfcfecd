import Cryptography
import Formats
import Octets

/// The message that the centre generates for one request (C1): a random component with a time stamp in it (C4-C6), the
/// request that it answers, and a request for configuration data (C10).
///
/// The centre signs the record, whose kind keeps the signature from meaning anything else.
public struct AccessMessage: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 320
  private static let subject = "access message"

  /// IDc: whose message it is.
  public var centerID: CenterID
  /// Which exchange it belongs to; it is answered once.
  public var session: AccessSession
  /// Chance and time.
  public var component: RandomComponent
  /// Which items of its configuration the client is to tell, in ascending order, each once.
  public let configurationAsked: [ConfigurationItem]
  /// What it answers.
  public var request: AccessRequest

  /// A new message, which none before it is like.
  ///
  /// - Parameters:
  ///   - time: seconds since 1970 UTC.
  ///   - random: where session, chance and offset come from.
  public init(
    for request: AccessRequest, from centerID: CenterID, at time: UInt64,
    asking items: some Sequence<ConfigurationItem>, random: any RandomSource
  ) {
    self.centerID = centerID
    session = AccessSession(random: random)
    component = RandomComponent(at: time, random: random)
    configurationAsked = Set(items).sorted { $0.rawValue < $1.rawValue }
    self.request = request
  }

  /// When it was generated, seconds since 1970 UTC.
  public var time: UInt64 { component.time }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.accessMessage)
    writer.put(.centerID, centerID.octets)
    writer.put(.session, session.octets)
    writer.put(.offset, component.offset)
    writer.put(.randomComponent, component.octets)
    writer.put(.configurationAsked, configurationAsked.map(\.rawValue))
    writer.put(.accessRequest, request.encoded)
    return writer.octets
  }

  /// Reads a record.
  ///
  /// - Throws: ``FormatError``; an offset outside the random component is invalid (C6).
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .accessMessage, limit: AccessMessage.maximumOctetCount, subject: AccessMessage.subject)
    centerID = try reader.value(.centerID, 16...16, "centre id") { CenterID(octets: $0) }
    session = try reader.value(.session, 16...16, "session") { AccessSession(octets: $0) }
    let offset: UInt8 = try reader.integer(.offset, "offset")
    let octets = try reader.take(.randomComponent, exactly: RandomComponent.octetCount, "random component")
    guard let component = RandomComponent(octets: octets, offset: offset) else {
      throw FormatError(.invalid, "\(AccessMessage.subject), offset")
    }
    self.component = component
    let limit = ConfigurationItem.allCases.count
    configurationAsked = try reader.value(.configurationAsked, 0...limit, "configuration asked") {
      ConfigurationItem.list($0)
    }
    let request = try reader.take(.accessRequest, 1...AccessRequest.maximumOctetCount, "request")
    self.request = try AccessRequest(parsing: request.span.bytes)
    try reader.expectEnd()
  }
}

extension AccessSession {
  /// A new session.
  init(random: any RandomSource) {
    octets = random.octets(AccessSession.octetCount)
  }
}
