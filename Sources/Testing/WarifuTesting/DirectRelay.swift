import CardDriver
import ISO7816
import LicenseCenter

/// The shortest line between a centre and a card: both in this process.
public struct DirectRelay: CardRelay {
  private let connection: CardConnection

  /// A line to this card.
  public init(_ connection: CardConnection) { self.connection = connection }

  /// Passes one command on.
  public func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    try connection.exchange(command, operation: "pass a command on")
  }
}
