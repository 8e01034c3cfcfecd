import FuzzTargets

/// What libFuzzer calls (https://llvm.org/docs/LibFuzzer.html). The program's name says which target it feeds.
private let target: FuzzTarget = {
  let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
  guard let target = FuzzTarget(rawValue: name) else { fatalError("\(name) is no fuzz target") }
  return target
}()

/// One input. A finding ends the process, as libFuzzer wants it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    try target.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
  } catch {
    fatalError("\(error)")
  }
  return 0
}
