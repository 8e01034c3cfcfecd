import ISO7816

/// The way to the readers of this machine: the smart card service, pcscd.
///
/// Blocking; one thread at a time. It outlives restarts of the service: what follows one finds the new service.
public final class ReaderContext {
  private let library: any SmartCardLibrary
  private var context: ContextHandle

  /// Reaches the service.
  ///
  /// - Throws: ``CardTransportError/Code/unavailable`` when it is not running.
  public convenience init() throws(CardTransportError) { try self.init(PCSCLite()) }

  package init(_ library: any SmartCardLibrary) throws(CardTransportError) {
    self.library = library
    context = try ReaderContext.establish(library)
  }

  deinit { _ = library.releaseContext(context) }

  private static func establish(_ library: any SmartCardLibrary) throws(CardTransportError) -> ContextHandle {
    let (code, context) = library.establishContext()
    guard code == .success else { throw CardTransportError(.establishContext, code) }
    return context
  }

  /// All readers as they are now, by name.
  public func readers() throws(CardTransportError) -> [Reader] {
    try retryingAfterRestart { (context) throws(ServiceError) in
      let names = try ReaderContext.names(library, context)
      guard !names.isEmpty else { return [] }
      var states = names.map { ReaderState(name: $0) }
      let code = library.getStatusChange(context, timeout: 0, &states)
      guard code == .success || code == .timeout else { throw ServiceError(.getStatusChange, code) }
      // One that was unplugged between the two questions is no reader any more.
      return states.filter { !$0.event.contains(.unknown) }.map(Reader.init).sorted { $0.name < $1.name }
    }
  }

  static func names(
    _ library: any SmartCardLibrary, _ context: ContextHandle
  ) throws(ServiceError) -> [String] {
    let (code, names) = library.listReaders(context)
    if code == .noReadersAvailable { return [] }
    guard code == .success else { throw ServiceError(.listReaders, code) }
    return names
  }

  /// The one reader whose name contains `part`, letters of either case.
  ///
  /// - Throws: ``CardTransportError/Code/unknownReader``, or ``CardTransportError/Code/ambiguousReader`` with the
  ///   candidates in its remedy. A name that is exactly `part` is never ambiguous.
  public func reader(matching part: String) throws(CardTransportError) -> Reader {
    let all = try readers()
    if let exact = all.first(where: { $0.name == part }) { return exact }
    let wanted = part.lowercased()
    let matches = all.filter { $0.name.lowercased().contains(wanted) }
    switch matches.count {
    case 1: return matches[0]
    case 0:
      throw CardTransportError(
        .unknownReader, operation: "find the reader '\(part)'", cardMayHaveChanged: false,
        remedy: all.isEmpty ? "There is no reader; plug one in." : "There are: \(ReaderContext.list(all)).")
    default:
      throw CardTransportError(
        .ambiguousReader, operation: "choose the reader '\(part)'", cardMayHaveChanged: false,
        remedy: "Name one of: \(ReaderContext.list(matches)).")
    }
  }

  private static func list(_ readers: [Reader]) -> String { readers.map(\.name).joined(separator: "; ") }

  /// How a connection shares its card with other programs.
  public enum Sharing: Sendable, Hashable {
    /// Others may connect too; a transaction keeps them out for its time.
    case shared
    /// Nobody else may connect while the connection lasts.
    case exclusive
  }

  /// Connects to the card in a reader.
  ///
  /// - Parameters:
  ///   - reader: its whole name.
  ///   - sharing: whether others may connect at the same time.
  ///   - timeout: how long to wait for a card that somebody else has, and for each command; `nil` waits for no other
  ///     program here, and as long as the reader does for a command.
  ///   - cancellation: what stops the work from another thread.
  public func connect(
    to reader: String, sharing: Sharing = .shared, timeout: Duration? = nil, cancellation: Cancellation = Cancellation()
  ) throws(CardTransportError) -> ReaderTransport {
    try ReaderTransport(
      library, reader: reader, sharing: sharing == .shared ? .shared : .exclusive, timeout: timeout,
      cancellation: cancellation)
  }

  /// What a reader can do with a keypad; asked of the reader alone, with or without a card in it.
  ///
  /// - Parameters:
  ///   - reader: its whole name. One that somebody keeps for himself, or that is gone, can do nothing.
  ///   - timeout: how long to wait while somebody else has the card in a transaction.
  public func pinPadAbilities(of reader: String, timeout: Duration = .milliseconds(500)) -> PINPadAbilities {
    let (library, caller) = (library, PatientCaller(label: reader))
    let abilities = caller.call(within: timeout) { () -> PINPadAbilities in
      guard let link = try? ReaderLink(library, reader: reader, sharing: .direct, caller: caller) else { return [] }
      defer { link.close(.leave) }
      return ReaderDescription(link).features.pinPadAbilities
    } late: { _ in
    }
    return abilities ?? []
  }

  /// Does something that only asks; if the service was restarted underneath, once again with the new one.
  private func retryingAfterRestart<Value>(
    _ body: (ContextHandle) throws(ServiceError) -> Value
  ) throws(CardTransportError) -> Value {
    do { return try body(context) } catch {
      guard error.code.isServiceLoss else { throw error.transportError }
    }
    _ = library.releaseContext(context)
    context = try ReaderContext.establish(library)
    do { return try body(context) } catch { throw error.transportError }
  }
}

/// A return code with its function, while it still matters which code it was.
struct ServiceError: Error {
  let function: SmartCardFunction
  let code: ReturnCode

  init(_ function: SmartCardFunction, _ code: ReturnCode) {
    self.function = function
    self.code = code
  }

  var transportError: CardTransportError { CardTransportError(function, code) }
}
