import ArgumentParser
import Foundation

/// Why a command ended without its result: one sentence with what to do, and the exit code.
struct Failure: Error {
  let status: ExitStatus
  /// What failed, and what to do about it, joined by a colon; without a full stop.
  var sentence: String

  /// A failure from a phrase each.
  init(_ status: ExitStatus, _ what: String, remedy: String) {
    self.status = status
    sentence = Failure.phrase(what) + ": " + Failure.phrase(remedy)
  }

  /// Any error as a failure.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as any FailureConvertible: self = error.failure
    default:
      self.init(
        .bug, "an unexpected error of the kind \(type(of: error))", remedy: "please report it with the command you gave"
      )
    }
  }

  /// `text` as part of a sentence: on one line, without a capital at its start or a full stop at its end.
  private static func phrase(_ text: String) -> String {
    var line = String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
      .trimmingCharacters(in: .whitespaces)
    while line.hasSuffix(".") { line.removeLast() }
    let start = line.prefix(2)
    if start.count == 2, start.first?.isUppercase == true, start.last?.isUppercase == false, start.last != "-" {
      line = start.lowercased() + line.dropFirst(2)
    }
    return line
  }

  /// Whether a terminal would act on some of `text` rather than show it.
  static func hasControls(_ text: String) -> Bool { text.unicodeScalars.contains(where: isControl) }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}

/// A library's error that knows its place among the exit codes.
protocol FailureConvertible: Error {
  /// The failure.
  var failure: Failure { get }
}

extension Failure {
  /// Says why, and ends the process. Help and version, which come the same way, go to standard output.
  static func end(_ error: any Error, arguments: [String]) -> Never {
    if error is ExitCode { Warifu.exit(withError: error) }
    if Warifu.exitCode(for: error) == .success {
      do {
        try Terminal.write(HelpText.of(error) + "\n")
        exit(0)
      } catch {
        complain(Failure(error))
      }
    }
    complain(isUsage(error) ? usage(error, arguments) : Failure(error))
  }

  private static func complain(_ failure: Failure) -> Never {
    Terminal.complain("warifu: \(failure.sentence).")
    exit(failure.status.rawValue)
  }

  private static func isUsage(_ error: any Error) -> Bool {
    Warifu.exitCode(for: error) == .validationFailure && !(error is Failure) && !(error is any FailureConvertible)
  }

  private static func usage(_ error: any Error, _ arguments: [String]) -> Failure {
    let verb = Warifu.verb(in: arguments)
    let help = (["warifu"] + verb + ["--help"]).joined(separator: " ")
    // The parser lists the values that an option takes in lines of their own.
    let message = Warifu.message(for: error).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let what = message.reduce(into: "") { text, line in
      let isValue = line.hasPrefix("- ")
      text +=
        (text.isEmpty ? "" : !isValue || text.hasSuffix(":") ? " " : ", ") + (isValue ? line.dropFirst(2) : line[...])
    }
    let isForProgram = verb == ["run"] && ["nexpected argument", "nknown option"].contains(where: what.contains)
    return Failure(
      .usage, what, remedy: (isForProgram ? "put what the program is given behind --, or " : "") + "see '\(help)'")
  }
}

extension Warifu {
  /// The nouns and the verb with which `arguments` begin.
  static func verb(in arguments: [String]) -> [String] {
    var names: [String] = []
    var command: any ParsableCommand.Type = Warifu.self
    for argument in arguments.dropFirst() {
      guard let next = command.configuration.subcommands.first(where: { $0.configuration.commandName == argument })
      else { break }
      names.append(argument)
      command = next
    }
    return names
  }
}
