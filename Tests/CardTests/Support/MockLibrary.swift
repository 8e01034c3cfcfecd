import CardDriver
import Dispatch
import Glibc
import Octets
import Synchronization

/// A smart card service that is told what to do: it records every call, and returns what a test injects.
final class MockLibrary: SmartCardLibrary {
  /// What is in a reader that the mock knows.
  struct Slot: Sendable {
    var flags: ReaderFlags
    var answerToReset: [UInt8] = [0x3B, 0x00]
  }

  private struct State: Sendable {
    var calls: [String] = []
    var injected: [SmartCardFunction: [ReturnCode]] = [:]
    var protocols: [ProtocolSet] = []
    var blocked: Set<SmartCardFunction> = []
    var slots: [String: Slot] = [:]
    var events: [@Sendable (MockLibrary, inout [ReaderState]) -> ReturnCode] = []
    var controls: [UInt32: [UInt8]] = [:]
    var waiting: Set<ContextHandle> = []
    var cancelled: Set<ContextHandle> = []
    var lastHandle = 0
  }

  private let state = Mutex(State())
  private let gate = DispatchSemaphore(value: 0)
  private let activeProtocol: ProtocolSet
  private let answer: @Sendable ([UInt8]) -> [UInt8]

  /// A service whose cards speak one protocol and answer as told.
  init(
    _ activeProtocol: ProtocolSet = .t1, slots: [String: Slot] = ["Reader": Slot(flags: .present)],
    answer: @escaping @Sendable ([UInt8]) -> [UInt8] = { _ in [0x90, 0x00] }
  ) {
    self.activeProtocol = activeProtocol
    self.answer = answer
    state.withLock { $0.slots = slots }
  }

  // MARK: What a test says

  /// The next calls of `function` return these codes, each once.
  func inject(_ function: SmartCardFunction, _ codes: ReturnCode...) {
    state.withLock { $0.injected[function, default: []] += codes }
  }

  /// The next calls that negotiate a protocol agree to these, each once.
  func agree(to protocols: ProtocolSet...) { state.withLock { $0.protocols += protocols } }

  private var agreed: ProtocolSet {
    state.withLock { $0.protocols.isEmpty ? activeProtocol : $0.protocols.removeFirst() }
  }

  /// The next call of `function` does not return before ``release()``.
  func block(_ function: SmartCardFunction) { state.withLock { _ = $0.blocked.insert(function) } }

  /// Lets a blocked call go on.
  func release() { gate.signal() }

  /// What the next endless wait for a change brings.
  func next(_ event: @escaping @Sendable (MockLibrary, inout [ReaderState]) -> ReturnCode) {
    state.withLock { $0.events.append(event) }
  }

  /// Puts a reader there, with or without a card; `nil` takes it away.
  func set(_ reader: String, _ slot: Slot?) { state.withLock { $0.slots[reader] = slot } }

  /// What the reader answers to a control code.
  func control(_ code: UInt32, answers octets: [UInt8]) { state.withLock { $0.controls[code] = octets } }

  /// All calls so far, in order.
  var calls: [String] { state.withLock { $0.calls } }

  /// All calls since the last look.
  func takeCalls() -> [String] {
    state.withLock { state in
      defer { state.calls = [] }
      return state.calls
    }
  }

  /// Whether a call is made `count` times within two minutes.
  func eventually(_ call: String, count: Int = 1) -> Bool {
    for _ in 0..<120_000 {
      if calls.count(where: { $0 == call }) >= count { return true }
      usleep(1_000)
    }
    return false
  }

  private func call(_ function: SmartCardFunction, _ text: String) -> ReturnCode {
    let (code, isBlocked) = state.withLock { state -> (ReturnCode, Bool) in
      state.calls.append(text)
      let isBlocked = state.blocked.remove(function) != nil
      guard var codes = state.injected[function], !codes.isEmpty else { return (.success, isBlocked) }
      let code = codes.removeFirst()
      state.injected[function] = codes
      return (code, isBlocked)
    }
    if isBlocked { gate.wait() }
    return code
  }

  private func note(_ text: String) { state.withLock { $0.calls.append(text) } }

  private func handle() -> Int {
    state.withLock { state in
      state.lastHandle += 1
      return state.lastHandle
    }
  }

  // MARK: The service

  func establishContext() -> (ReturnCode, ContextHandle) {
    let code = call(.establishContext, "establish")
    return (code, code == .success ? handle() : 0)
  }

  func releaseContext(_ context: ContextHandle) -> ReturnCode {
    note("release \(context)")
    return .success
  }

  func listReaders(_ context: ContextHandle) -> (ReturnCode, [String]) {
    let code = call(.listReaders, "list \(context)")
    let names = state.withLock { $0.slots.keys.sorted() }
    guard code == .success else { return (code, []) }
    return names.isEmpty ? (.noReadersAvailable, []) : (code, names.reversed())
  }

  func getStatusChange(_ context: ContextHandle, timeout: UInt32?, _ states: inout [ReaderState]) -> ReturnCode {
    let code = call(.getStatusChange, timeout == nil ? "wait \(context)" : "look \(context)")
    guard code == .success else { return code }
    guard timeout == nil else { return fill(&states) }
    if let event = state.withLock({ $0.events.isEmpty ? nil : $0.events.removeFirst() }) {
      return event(self, &states)
    }
    state.withLock { _ = $0.waiting.insert(context) }
    gate.wait()
    return state.withLock { $0.cancelled.remove(context) } == nil ? .success : .cancelled
  }

  /// The states as they are.
  @discardableResult
  func fill(_ states: inout [ReaderState]) -> ReturnCode {
    state.withLock { state in
      for index in states.indices where states[index].name != ReaderState.notificationName {
        guard let slot = state.slots[states[index].name] else {
          states[index].event = [.unknown, .unavailable, .changed]
          continue
        }
        let isSame = slot.flags == states[index].current.subtracting(.changed)
        states[index].event = isSame ? slot.flags : slot.flags.union(.changed)
        states[index].answerToReset = slot.flags.contains(.present) ? slot.answerToReset : []
      }
    }
    return .success
  }

  func cancel(_ context: ContextHandle) -> ReturnCode {
    note("cancel \(context)")
    let isWaiting = state.withLock { state in
      guard state.waiting.remove(context) != nil else { return false }
      state.cancelled.insert(context)
      return true
    }
    if isWaiting { gate.signal() }
    return .success
  }

  func connect(
    _ context: ContextHandle, reader: String, sharing: ShareMode, protocols: ProtocolSet
  ) -> (ReturnCode, CardHandle, ProtocolSet) {
    let code = call(.connect, "connect \(reader) \(sharing)")
    return code == .success ? (code, handle(), agreed) : (code, 0, [])
  }

  func reconnect(
    _ card: CardHandle, sharing: ShareMode, protocols: ProtocolSet, initialization: Disposition
  ) -> (ReturnCode, ProtocolSet) {
    let code = call(.reconnect, "reconnect \(initialization)")
    return (code, code == .success ? agreed : [])
  }

  func disconnect(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode {
    note("disconnect \(disposition)")
    return .success
  }

  func beginTransaction(_ card: CardHandle) -> ReturnCode { call(.beginTransaction, "begin") }

  func endTransaction(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode {
    call(.endTransaction, "end \(disposition)")
  }

  func status(_ card: CardHandle) -> (ReturnCode, answerToReset: [UInt8]) { (call(.status, "status"), [0x3B, 0x00]) }

  func transmit(
    _ card: CardHandle, activeProtocol: ProtocolSet, _ command: [UInt8], limit: Int
  ) -> (ReturnCode, [UInt8]) {
    let name = activeProtocol == .t0 ? "T=0" : activeProtocol == .t1 ? "T=1" : "T=?"
    let code = call(.transmit, "transmit \(name) \(Hex.encode(command))")
    let response = answer(command)
    guard code == .success else { return (code, []) }
    return response.count <= limit ? (code, response) : (.insufficientBuffer, [])
  }

  func control(_ card: CardHandle, code: UInt32, _ input: [UInt8], limit: Int) -> (ReturnCode, [UInt8]) {
    let result = call(.control, "control \(String(code, radix: 16)) \(Hex.encode(input))")
    guard result == .success else { return (result, []) }
    guard let octets = state.withLock({ $0.controls[code] }) else { return (.unsupportedFeature, []) }
    return (.success, octets)
  }

  func attribute(_ card: CardHandle, _ identifier: UInt32) -> (ReturnCode, [UInt8]) { (.unsupportedFeature, []) }
}
