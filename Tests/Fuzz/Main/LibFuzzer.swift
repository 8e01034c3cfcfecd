import FuzzTargets
import Glibc

/// What libFuzzer calls (https://llvm.org/docs/LibFuzzer.html). The program's name says which target it feeds.
private let target: FuzzTarget = {
  let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
  guard let target = FuzzTarget(rawValue: name) else { fatalError("\(name) is no fuzz target") }
  return target
}()

/// How many PDUs are enough (`run.sh --pdus N`); by default libFuzzer knows by itself when to end.
private let enough: UInt64 = getenv("WARIFU_FUZZ_PDUS").flatMap { UInt64(String(cString: $0)) } ?? .max
nonisolated(unsafe) private var inputs = 0

/// One input. A finding ends the process, as libFuzzer wants it.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    try target.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
  } catch {
    fatalError("\(error)")
  }
  inputs += 1
  guard FuzzCount.value < enough else {
    // As libFuzzer prints its own; it takes a process that ends otherwise for a finding.
    let statistics = Array("stat::number_of_executed_units: \(inputs)\nstat::pdus: \(FuzzCount.value)\n".utf8)
    _ = write(2, statistics, statistics.count)
    _exit(0)
  }
  return 0
}
