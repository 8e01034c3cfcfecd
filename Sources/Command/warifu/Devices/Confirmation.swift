import ArgumentParser
import Identifiers

/// A serial as an argument.
struct SerialArgument: ExpressibleByArgument, Sendable {
  let serial: CardSerial

  init?(argument: String) {
    guard let serial = CardSerial(argument) else { return nil }
    self.serial = serial
  }
}

/// The yes that something irreversible wants: `--yes` with the card named by its serial, or the serial typed.
struct ConfirmationOptions: ParsableArguments {
  @Flag(help: "Do what cannot be undone without asking; wants --card.")
  var yes = false

  /// Goes on only if the user means `serial`.
  func confirm(_ consequence: String, for serial: CardSerial, named: SerialArgument?) throws {
    if yes {
      guard named?.serial == serial else {
        throw Failure(.usage, "--yes does not say which card", remedy: "name it with --card \(serial)")
      }
      return
    }
    guard Terminal.canAsk else {
      throw Failure(
        .usage, "\(consequence), and nobody can be asked", remedy: "give --yes and --card \(serial)")
    }
    Terminal.complain("\(consequence).")
    guard let typed = Terminal.ask("Type the card's serial, \(serial), to go on: "), CardSerial(typed) == serial else {
      throw Failure(.failed, "stopped", remedy: "nothing was changed")
    }
  }
}
