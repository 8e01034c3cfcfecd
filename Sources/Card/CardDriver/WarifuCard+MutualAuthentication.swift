import CardProtocol
import ISO7816

/// Card and centre prove themselves to each other (C9): ISO/IEC 7816-4, 11.5.3 to 11.5.5.
extension WarifuCard {
  /// From here on the card authenticates only to a centre that has proved itself by ``believe(center:)``, until the
  /// connection is reset.
  public func requireCenter() throws(CardError) {
    _ = try connection.data(.setMutualAuthentication(), operation: "have the card ask for its centre")
  }

  /// Shows the card the centre's signature over the challenge that it gave last.
  ///
  /// - Throws: ``CardError`` with 6300 when it is not from the card's centre, 6985 when the card gave no challenge.
  public func believe(center signature: [UInt8]) throws(CardError) {
    _ = try connection.data(.externalAuthenticate(signature: signature), operation: "show the card its centre")
  }
}
