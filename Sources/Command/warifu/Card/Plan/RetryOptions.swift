import ArgumentParser
import CardDriver
import CardProtocol

/// How many tries must be left before a PIN or PUK is tried at all.
struct RetryOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Try only while the card leaves at least so many tries.", valueName: "number"))
  var minRetries: Int?

  func validate() throws {
    if let minRetries, !(1...15).contains(minRetries) { throw ValidationError("Give --min-retries 1 to 15.") }
  }

  /// Refuses to go on when too few tries are left. Costs none.
  func check(_ reference: ReferenceData, of card: WarifuCard) throws {
    guard let minRetries else { return }
    let status = try card.status()
    let left = reference == .pin ? status.pinTries : status.pukTries
    guard left >= minRetries else {
      throw Failure(
        .refused, "the card leaves \(left) \(left == 1 ? "try" : "tries") of its \(reference == .pin ? "PIN" : "PUK")",
        remedy: "nothing was tried; be sure of it and give a lower --min-retries")
    }
  }
}
