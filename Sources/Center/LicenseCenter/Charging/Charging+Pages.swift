import Formats
import Identifiers

extension Charging {
  /// At most `limit` charges of a card, oldest first, those that follow the one called `last` if it is given.
  public func charges(
    of serial: CardSerial, after last: OperationID?, limit: Int
  ) async throws(CenterError) -> [ChargeOutcome] {
    try await context.database.read { transaction in
      try transaction.run(
        """
        SELECT * FROM charges WHERE card = $1
        AND id > COALESCE((SELECT id FROM charges WHERE operation = $2), 0) ORDER BY id LIMIT $3
        """, [.blob(serial.octets), .blob(last?.octets ?? []), .number(limit)]
      ).map { try ChargeRow($0).outcome }
    }
  }
}
