import CardDriver
import CardProtocol
import ISO7816
import Octets

extension CardConnection {
  /// What the card says of itself, also when it is locked or at its end and selects nothing.
  func applicationStatus() throws -> ApplicationStatus {
    let octets = try data(.getData(.applicationStatus), operation: "read the card's status")
    do {
      return try ApplicationStatus(octets.span.bytes)
    } catch {
      throw Failure(.transport, "the card's status makes no sense", remedy: "check that it is a Warifu card")
    }
  }
}
