import ArgumentParser
import Identifiers

/// The yes that something irreversible on a disc wants: `--yes` with the disc named by its medium id, or the beginning of
/// that typed.
struct DiscConfirmation: ParsableArguments {
  /// How much of a medium id tells it from any other at hand: `M-` and eight digits.
  private static let typedLength = 10

  @Flag(help: "Do what cannot be undone without asking; wants --medium.")
  var yes = false

  @Option(
    help: ArgumentHelp("The medium id of the disc meant, or its beginning, with 8 digits at least.", valueName: "id"))
  var medium: String?

  /// Goes on only if the user means the disc with this id.
  func confirm(_ consequence: String, for id: MediumID) throws {
    let beginning = id.description.prefix(DiscConfirmation.typedLength)
    if let medium, !isMeant(medium, id) {
      guard !isBeginning(medium, of: id) else {
        throw Failure(.badInput, "\(medium) is too short to tell this disc from others", remedy: "give \(beginning)")
      }
      throw Failure(.badInput, "this is another disc than \(medium)", remedy: "this one is \(id)")
    }
    if yes {
      guard medium != nil else {
        throw Failure(.usage, "--yes does not say which disc", remedy: "name it with --medium \(beginning)")
      }
      return
    }
    guard Terminal.canAsk else {
      throw Failure(.usage, "\(consequence), and nobody can be asked", remedy: "give --yes and --medium \(beginning)")
    }
    Terminal.complain("\(consequence).")
    guard let typed = Terminal.ask("Type the beginning of its medium id, \(beginning), to go on: "), isMeant(typed, id)
    else { throw Failure(.failed, "stopped", remedy: "nothing was changed") }
  }

  private func isMeant(_ named: String, _ id: MediumID) -> Bool {
    let named = DiscConfirmation.complete(named)
    return id.description.lowercased() == named
      || named.count >= DiscConfirmation.typedLength && isBeginning(named, of: id)
  }

  private func isBeginning(_ named: String, of id: MediumID) -> Bool {
    id.description.lowercased().hasPrefix(DiscConfirmation.complete(named))
  }

  /// The digits alone mean the same.
  private static func complete(_ named: String) -> String {
    let named = named.lowercased()
    return named.hasPrefix("m-") ? named : "m-" + named
  }
}
