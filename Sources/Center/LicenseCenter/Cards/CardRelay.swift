import ISO7816

/// The line to a card: some host that passes on what it cannot read (design, "One walk through the house").
///
/// A relay takes whole commands and gives whole responses: command chaining, GET RESPONSE and wrong Le are its own
/// affair (ISO/IEC 7816-4, 5.3). The line may break at any message; the services that use it can be run again until they
/// are done. The centre trusts no relay: what counts is authenticated by the card itself.
public protocol CardRelay {
  /// Passes one command on and answers the card's response.
  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU
}
