import Cryptography
import Formats
import Identifiers

/// The keys that the seller makes from codes, for dedicated software (P22, Figs 20 and 23): what the card that the code
/// was charged onto makes for itself.
extension RightsSeller {
  /// The right key of a code (Fig 5): whoever holds it makes the key of any ID.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a code that the centre never made, ``CenterError/Code/conflict`` for one
  ///   that is not sold, worth nothing any more, or past its date.
  public func rightKey(of code: RetrievalCode) async throws(CenterError) -> Secret {
    try rightKey(of: code, try await soldRecord(of: code))
  }

  /// The message key of a code and an ID (Fig 4); without an ID, that of the one set beside the code when it was sold.
  ///
  /// - Parameter messageID: 0 to 32 octets.
  /// - Throws: As ``rightKey(of:)``.
  public func messageKey(of code: RetrievalCode, messageID: [UInt8]? = nil) async throws(CenterError) -> Secret {
    let record = try await soldRecord(of: code)
    let rightKey = try rightKey(of: code, record)
    do {
      return try CipherKey.message(rightKey: rightKey, messageID: messageID ?? record.conditions.messageID)
    } catch {
      throw CenterError(error, during: RightsSeller.makingKey)
    }
  }

  private static let makingKey = "Making the key of a code"

  /// The record of a code that is good for something.
  private func soldRecord(of code: RetrievalCode) async throws(CenterError) -> CodeRecord {
    let operation = RightsSeller.makingKey
    guard let record = try await record(of: code) else {
      throw CenterError(.notFound, operation, remedy: "This centre made no such code; check how it was typed.")
    }
    switch record.state {
    case .reserved, .voided:
      throw CenterError(.conflict, operation, remedy: "The code is not sold, or worth nothing any more.")
    case .unused, .inUse, .used: break
    }
    if let expiry = record.conditions.expiry, context.clock.now() > expiry {
      throw CenterError(.conflict, operation, remedy: "The code is past its date; buy another.")
    }
    return record
  }

  private func rightKey(of code: RetrievalCode, _ record: CodeRecord) throws(CenterError) -> Secret {
    do {
      return try context.keys.withKey(
        .generation, number: record.conditions.generationKey, version: record.generationRoot
      ) { try CipherKey.right(generationKey: $0, code: code.octets) }
    } catch {
      throw CenterError(error, during: RightsSeller.makingKey)
    }
  }
}
