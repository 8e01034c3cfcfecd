import ISO7816

extension CardTransportLimits {
  /// What any reader carries: short APDUs.
  static let short = CardTransportLimits(commandOctets: 261, responseOctets: 258, allowsExtended: false)

  /// What a reader carries, asked over a connection to it.
  init(_ link: ReaderLink) { self = .short }
}
