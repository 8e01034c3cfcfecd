import CPCSC
import Glibc

/// The PC/SC library of this machine: what the protocol's methods are named after, called.
package struct PCSCLite: SmartCardLibrary {
  package init() {}

  package func establishContext() -> (ReturnCode, ContextHandle) {
    var context = SCARDCONTEXT()
    let code = SCardEstablishContext(DWORD(SCARD_SCOPE_SYSTEM), nil, nil, &context)
    return (ReturnCode(code), context)
  }

  package func releaseContext(_ context: ContextHandle) -> ReturnCode { ReturnCode(SCardReleaseContext(context)) }

  package func listReaders(_ context: ContextHandle) -> (ReturnCode, [String]) {
    // A reader may come between the two calls, so that the buffer is too small again: ask anew, not for ever.
    for _ in 0..<8 {
      var length: DWORD = 0
      let asked = ReturnCode(SCardListReaders(context, nil, nil, &length))
      guard asked == .success else { return (asked, []) }
      var names = [CChar](repeating: 0, count: Int(clamping: length))
      let code = ReturnCode(SCardListReaders(context, nil, &names, &length))
      if code == .insufficientBuffer { continue }
      return (code, code == .success ? PCSCLite.strings(names.prefix(Int(clamping: length))) : [])
    }
    return (.insufficientBuffer, [])
  }

  /// The strings of a multi-string: each ends in a zero, an empty one ends them all.
  private static func strings(_ characters: ArraySlice<CChar>) -> [String] {
    characters.split(separator: 0).map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }
  }

  package func getStatusChange(
    _ context: ContextHandle, timeout: UInt32?, _ states: inout [ReaderState]
  ) -> ReturnCode {
    let names = states.map { strdup($0.name) }
    defer { names.forEach { free($0) } }
    var structures = zip(states, names).map { state, name in
      var structure = SCARD_READERSTATE()
      structure.szReader = UnsafePointer(name)
      structure.dwCurrentState = DWORD(state.current.rawValue)
      return structure
    }
    let wait = timeout.map { DWORD($0) } ?? DWORD(INFINITE)
    let code = ReturnCode(SCardGetStatusChange(context, wait, &structures, DWORD(structures.count)))
    for (index, structure) in structures.enumerated() {
      states[index].event = ReaderFlags(rawValue: UInt32(truncatingIfNeeded: structure.dwEventState))
      let length = min(Int(clamping: structure.cbAtr), Int(MAX_ATR_SIZE))
      states[index].answerToReset = withUnsafeBytes(of: structure.rgbAtr) { Array($0.prefix(length)) }
    }
    return code
  }

  package func cancel(_ context: ContextHandle) -> ReturnCode { ReturnCode(SCardCancel(context)) }

  package func connect(
    _ context: ContextHandle, reader: String, sharing: ShareMode, protocols: ProtocolSet
  ) -> (ReturnCode, CardHandle, ProtocolSet) {
    var card = SCARDHANDLE()
    var active: DWORD = 0
    let code = SCardConnect(context, reader, DWORD(sharing.rawValue), DWORD(protocols.rawValue), &card, &active)
    return (ReturnCode(code), card, ProtocolSet(rawValue: UInt32(truncatingIfNeeded: active)))
  }

  package func reconnect(
    _ card: CardHandle, sharing: ShareMode, protocols: ProtocolSet, initialization: Disposition
  ) -> (ReturnCode, ProtocolSet) {
    var active: DWORD = 0
    let code = SCardReconnect(
      card, DWORD(sharing.rawValue), DWORD(protocols.rawValue), DWORD(initialization.rawValue), &active)
    return (ReturnCode(code), ProtocolSet(rawValue: UInt32(truncatingIfNeeded: active)))
  }

  package func disconnect(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode {
    ReturnCode(SCardDisconnect(card, DWORD(disposition.rawValue)))
  }

  package func beginTransaction(_ card: CardHandle) -> ReturnCode { ReturnCode(SCardBeginTransaction(card)) }

  package func endTransaction(_ card: CardHandle, _ disposition: Disposition) -> ReturnCode {
    ReturnCode(SCardEndTransaction(card, DWORD(disposition.rawValue)))
  }

  package func status(_ card: CardHandle) -> (ReturnCode, answerToReset: [UInt8]) {
    var answer = [UInt8](repeating: 0, count: Int(MAX_ATR_SIZE))
    var answerLength = DWORD(answer.count)
    var nameLength: DWORD = 0
    let code = ReturnCode(SCardStatus(card, nil, &nameLength, nil, nil, &answer, &answerLength))
    return (code, code == .success ? Array(answer.prefix(Int(clamping: answerLength))) : [])
  }

  package func transmit(
    _ card: CardHandle, activeProtocol: ProtocolSet, _ command: [UInt8], limit: Int
  ) -> (ReturnCode, [UInt8]) {
    var control = SCARD_IO_REQUEST(
      dwProtocol: UInt(activeProtocol.rawValue), cbPciLength: UInt(MemoryLayout<SCARD_IO_REQUEST>.size))
    var length = DWORD(limit)
    var code = ReturnCode.success
    let answer = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      code = ReturnCode(
        SCardTransmit(card, &control, command, DWORD(command.count), nil, buffer.baseAddress, &length))
      count = code == .success ? min(Int(clamping: length), limit) : 0
    }
    return (code, answer)
  }

  package func control(_ card: CardHandle, code: UInt32, _ input: [UInt8], limit: Int) -> (ReturnCode, [UInt8]) {
    var output = [UInt8](repeating: 0, count: limit)
    var length: DWORD = 0
    let code = ReturnCode(
      SCardControl(card, DWORD(code), input, DWORD(input.count), &output, DWORD(limit), &length))
    return (code, code == .success ? Array(output.prefix(Int(clamping: length))) : [])
  }

  package func attribute(_ card: CardHandle, _ identifier: UInt32) -> (ReturnCode, [UInt8]) {
    var value = [UInt8](repeating: 0, count: Int(MAX_BUFFER_SIZE))
    var length = DWORD(value.count)
    let code = ReturnCode(SCardGetAttrib(card, DWORD(identifier), &value, &length))
    return (code, code == .success ? Array(value.prefix(Int(clamping: length))) : [])
  }
}
