import ArgumentParser
import Cryptography
import Formats
import LicenseCenter

/// The yes that something irreversible wants where no card or disc could be mistaken for another: `--yes`, or a word typed.
struct AgreementOptions: ParsableArguments {
  @Flag(help: "Do what cannot be undone without asking.")
  var yes = false

  /// Goes on only if the user wants `consequence`, a clause without a full stop.
  func confirm(_ consequence: String) throws {
    guard !yes else { return }
    guard Terminal.canAsk else {
      throw Failure(.usage, "\(consequence), and nobody can be asked", remedy: "give --yes")
    }
    Terminal.complain("\(consequence).")
    guard Terminal.ask("Type yes to go on: ")?.lowercased() == "yes" else {
      throw Failure(.failed, "stopped", remedy: "nothing was changed")
    }
  }
}

/// The name under which a change is made once, however often it is asked for.
struct OperationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Name of the operation that is carried on, or asked for again.", valueName: "id"))
  var operation: OperationArgument?

  /// The name that was given, or a new one.
  func id() throws -> OperationID { try operation?.id ?? .drawn(from: SystemRandom()) }

  /// Does something under the name; a failure that leaves open whether it was done says how to ask again.
  func run<R>(_ body: (OperationID) async throws -> R) async throws -> R {
    let id = try id()
    do {
      return try await body(id)
    } catch let error as CenterError where error.code == .unknownOutcome || error.code == .paymentUnknown {
      var failure = error.failure
      failure.sentence += "; ask again with --operation \(id)"
      throw failure
    }
  }
}
