import Foundation

/// `make bench`: every figure beside its reference, measured in the same run.
@main
enum WarifuBench {
  static func main() async {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == Allocations.argument, let probe = arguments.last.flatMap(AllocationProbe.init) {
        return try Allocations.trace(probe)
      }
      if arguments.first == CardCrowd.argument { return try CardCrowd.hold() }
      let options = try Options(arguments)
      if options.wantsHelp { return print(Options.help) }
      let chosen = Catalogue.all.filter { options.matches($0.name) }
      guard !chosen.isEmpty else {
        throw UsageError("No figure's name has '\(options.filter ?? "")' in it; see --list.")
      }
      if options.wantsList { return chosen.forEach { print($0.name) } }
      try await measure(chosen, options)
    } catch let error as UsageError {
      fail(error.message, code: 64)
    } catch {
      fail("\(error)", code: 1)
    }
  }

  /// A figure that misses its goal is a result, not a failure: the exit code says only whether all could be measured.
  private static func measure(_ chosen: [Benchmark], _ options: Options) async throws {
    let plan = options.isQuick ? Plan.quick : Plan.full
    var report = Report(isQuick: options.isQuick)
    if !options.wantsJSON { report.printHeader() }
    for benchmark in chosen {
      for figure in try await benchmark.run(plan) {
        report.figures.append(figure)
        if !options.wantsJSON { report.printLine(figure) }
      }
    }
    if options.wantsJSON { try report.printJSON() } else { report.printNote() }
  }

  private static func fail(_ message: String, code: Int32) -> Never {
    FileHandle.standardError.write(Data("warifu-bench: \(message)\n".utf8))
    exit(code)
  }
}
