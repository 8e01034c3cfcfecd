import Cryptography
import Formats
import NIOHTTP1

/// What is typed at a browser to sign in there, once. A secret.
public struct CenterSignInCode: Hashable, Sendable {
  /// The code, in groups.
  public var text: String
  /// Until when it may be used, seconds since 1970 UTC.
  public var expiresAt: UInt64
}

extension CenterClient {
  private struct Offer: Decodable {
    var code: String
    var expiresAt: UInt64
  }

  /// Asks for a code by which the holder of the card that logged in signs in at a browser.
  public func signInCode(as token: CenterToken) async throws(CenterClientError) -> CenterSignInCode {
    let operation = "Asking for a sign-in code"
    guard let key = OperationID(octets: random.octets(OperationID.octetCount)) else {
      throw CenterClientError(.invalid, operation, remedy: "No key could be made; report this.")
    }
    let request = CenterRequest(
      method: .POST, target: "/v1/sign-in-codes", operation: operation, token: token, key: key)
    let offer = try await ask(request, as: Offer.self)
    // It is shown on a terminal: nothing but what a code is made of.
    guard offer.code.utf8.count <= 32, offer.code.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw CenterClient.invalid(request)
    }
    return CenterSignInCode(text: offer.code, expiresAt: offer.expiresAt)
  }
}
