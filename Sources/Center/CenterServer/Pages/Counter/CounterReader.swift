import Formats
import LicenseCenter
import Synchronization

/// The reader at the counter: how the server comes to the card in it. Whoever starts the server brings it; the server itself
/// has no driver.
public struct CounterReader: Sendable {
  /// What it is called, for whoever stands there.
  public var name: String
  /// Connects to the card that is in it now; throws when there is none.
  public var connect: @Sendable () async throws -> any CardRelay

  /// A reader.
  public init(name: String, connect: @escaping @Sendable () async throws -> any CardRelay) {
    self.name = name
    self.connect = connect
  }
}

/// Charges in the counter's reader, one after another, while pages look how far they are.
final class ChargeDesk: Sendable {
  /// How far a charge is.
  enum Standing: Sendable {
    case running
    /// It ended; what became of it is in the books.
    case done
    /// Why it did not; the order can be carried on.
    case failed(Problem)
  }

  private struct Work {
    var order: ChargeOrder
    var standing: Standing
  }

  let reader: CounterReader
  private let center: Center
  private let work = Mutex<[OperationID: Work]>([:])
  /// How many ended charges are remembered.
  private static let memory = 256

  init(_ reader: CounterReader, _ center: Center) {
    self.reader = reader
    self.center = center
  }

  /// How far a charge is; `nil` for one that was not begun since the server started.
  func standing(of operation: OperationID) -> (order: ChargeOrder, standing: Standing)? {
    work.withLock { work in work[operation].map { ($0.order, $0.standing) } }
  }

  /// Begins a charge, or carries it on; one that runs goes on running.
  ///
  /// - Throws: when another card is being charged.
  func begin(_ order: ChargeOrder) throws(Problem) {
    let name = order.operationID
    enum Finding { case runs, busy, free }
    let finding = work.withLock { work -> Finding in
      if case .running = work[name]?.standing { return .runs }
      guard !work.values.contains(where: { if case .running = $0.standing { true } else { false } }) else {
        return .busy
      }
      if work.count >= ChargeDesk.memory { work.removeAll() }
      work[name] = Work(order: order, standing: .running)
      return .free
    }
    switch finding {
    case .runs: return
    case .busy: throw Problem(.conflict, "Another card is being charged in the reader. Wait until that is done.")
    case .free: Task { await self.charge(order) }
    }
  }

  private func charge(_ order: ChargeOrder) async {
    let standing: Standing
    do {
      let relay = try await reader.connect()
      _ = try await center.charging.charge(order, over: relay)
      standing = .done
    } catch let error as CenterError {
      standing = .failed(Problem(error))
    } catch {
      standing = .failed(Problem(.card, "There is no card in the reader, or it does not answer. Put it in again."))
    }
    work.withLock { $0[order.operationID]?.standing = standing }
  }
}
