import ISO7816

/// What a reader can do, as its driver says over a connection to it.
struct ReaderDescription: Sendable {
  var features = ReaderFeatures()
  var properties = ReaderProperties()

  /// Nothing is known.
  init() {}

  /// Asks the reader. One that answers nothing, or nonsense, can do nothing beyond what every reader can.
  init(_ link: ReaderLink) {
    let (code, list) = link.library.control(link.card, code: ReaderFeatures.request, [], limit: 264)
    guard code == .success, let features = try? ReaderFeatures(parsing: list.span.bytes) else { return }
    self.features = features
    guard let request = features[.tlvProperties] else { return }
    let (answer, octets) = link.library.control(link.card, code: request, [], limit: 264)
    if answer == .success, let known = try? ReaderProperties(parsing: octets.span.bytes) { properties = known }
  }

  /// How long APDUs through this reader may be.
  ///
  /// A reader that says nothing is not trusted with extended length, but for the virtual ones, which carry anything and
  /// cannot say so. Extended length has no coding of its own in T=0 (ISO/IEC 7816-3, 12.2): there ENVELOPE carries it.
  func limits(reader: String, activeProtocol: ProtocolSet) -> CardTransportLimits {
    let transmissionProtocol: TransmissionProtocol = activeProtocol == .t0 ? .t0 : .t1
    var limits = CardTransportLimits(
      commandOctets: 261, responseOctets: 258, allowsExtended: false, transmissionProtocol: transmissionProtocol)
    guard transmissionProtocol == .t1 else { return limits }
    let said = properties.longestAPDUData ?? (ReaderDescription.isVirtual(reader) ? 65_526 : 0)
    guard said > CommandAPDU.shortLeLimit else { return limits }
    let data = min(said, CommandAPDU.extendedLeLimit)
    limits.commandOctets = data + ReaderDescription.extendedHead
    limits.responseOctets = data + 2
    limits.allowsExtended = true
    return limits
  }

  /// Octets of an extended APDU that are not data: the header, Lc and Le.
  private static let extendedHead = 9

  /// vpcd, by the names that its package and ours give it.
  private static func isVirtual(_ reader: String) -> Bool {
    reader.hasPrefix("Virtual PCD") || reader.hasPrefix("Warifu")
  }
}
