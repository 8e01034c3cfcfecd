import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Identifiers

/// What a shop's kiosk does with a customer's card: shows what is on it, and hands over what was paid for.
public struct Kiosk {
  /// What the customer sees.
  public struct Offer: Equatable, Sendable {
    /// The code's number on the card.
    public var index: UInt16
    /// What it buys.
    public var title: SoftwareID
  }

  /// How handing over ended.
  public enum Outcome: Equatable {
    /// Here is the code.
    case handedOver([UInt8])
    /// The PIN was wrong.
    case wrongPIN(triesLeft: Int)
    /// The PIN is blocked.
    case blocked
  }

  private let card: WarifuCard

  /// A kiosk with a card in it, however that is reached.
  public init(_ transport: any APDUTransport) throws {
    card = try WarifuCard(CardConnection(transport))
  }

  /// Codes that nobody has yet.
  public func offers() throws -> [Offer] {
    try card.codes().filter { $0.state == .charged }.map { Offer(index: $0.index, title: $0.softwareID) }
  }

  /// Hands over the code that buys a title.
  public func handOver(_ offer: Offer, pin: borrowing Secret) throws -> Outcome {
    do {
      try card.verify(pin: pin)
      return .handedOver(try card.handOver(index: offer.index).code.withBytes { $0.withUnsafeBytes(Array.init) })
    } catch {
      if case .wrongReferenceData(let tries) = error.code { return .wrongPIN(triesLeft: tries) }
      if error.status == .authenticationMethodBlocked { return .blocked }
      throw error
    }
  }
}
