import Cryptography
import Formats

extension CenterContext {
  /// Makes a change that has a name, once for that name: repeated, it changes nothing, whatever came in between.
  ///
  /// For what could be asked for again and then would undo what somebody else did meanwhile: setting a value, ending a
  /// thing. That it was done is stored in the transaction that does it, under the name's look-up value.
  ///
  /// - Parameters:
  ///   - operation: the name; without one the change is made each time.
  ///   - order: what is asked for. Only a digest over it and the name is stored, so that it may hold a secret.
  /// - Throws: ``CenterError/Code/keyReused`` when the name came with another order before.
  func write(
    once operation: OperationID?, _ what: String, _ order: [[UInt8]],
    _ body: @escaping @Sendable (any Transaction) throws -> Void
  ) async throws(CenterError) {
    guard let operation, let key = IdempotencyKey(octets: operation.octets) else {
      return try await database.write(body)
    }
    let digest = Digest.sha256(typedOctets(what, [operation.octets] + order))
    _ = try await Idempotency(context: self).run(scope: CenterContext.onceScope, key: key, digest: digest) {
      try body($0)
      return (status: 0, body: Array("done".utf8))
    }
  }

  /// No client has this name: theirs begin with what they are.
  private static let onceScope = "once"
}
