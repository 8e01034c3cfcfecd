import Cryptography
import Formats
import Identifiers
import LicenseCenter
import Octets

/// How a batch names its charges at the centre: from the journal's own chance, the card and the charge, so that whoever
/// repeats the batch gives the same order the same name, whatever was lost of the last run.
enum BatchOperation {
  private static let label = Array("warifu batch charge 1".utf8)
  /// More often than this no card refuses the same charge.
  private static let attemptLimit: UInt32 = 1_000

  /// The name for a charge: that of the first attempt that was not given up.
  static func name(
    batch: String, _ serial: CardSerial, charge: Int, at center: Center
  ) async throws -> OperationID {
    guard let octets = Hex.decode(batch) else { throw damaged }
    for attempt in 0..<attemptLimit {
      let input = label + octets + serial.octets + bigEndian(UInt32(clamping: charge)) + bigEndian(attempt)
      guard let name = OperationID(octets: Array(Digest.sha256(input).prefix(OperationID.octetCount))) else {
        throw damaged
      }
      guard try await center.charging.outcome(of: name)?.state == .voided else { return name }
    }
    throw Failure(.failed, "card \(serial) refuses every charge", remedy: "take it out of the batch")
  }

  private static var damaged: Failure {
    Failure(.badInput, "the journal names no batch", remedy: "restore it from a copy")
  }

  private static func bigEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
  }
}
