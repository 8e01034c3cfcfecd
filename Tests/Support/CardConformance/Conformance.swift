import CardDriver
import CardProtocol
import Cryptography
import ISO7816

/// One blank card, and one way to it.
public struct CardUnderTest {
  /// The way.
  public let transport: any APDUTransport
  /// ENC ‖ MAC ‖ DEK of its transport key set.
  public let transportKeys: [UInt8]
  /// What its answer to reset must offer.
  public let transmissionProtocol: TransmissionProtocol

  /// A card; see the properties.
  public init(transport: any APDUTransport, transportKeys: [UInt8], transmissionProtocol: TransmissionProtocol) {
    self.transport = transport
    self.transportKeys = transportKeys
    self.transmissionProtocol = transmissionProtocol
  }
}

/// What every card must do, however it is reached.
///
/// The checks run in order on one card, each from a reset: some while it is blank, then it is issued, and the others.
/// None leaves anything behind that another would trip over.
public enum Conformance {
  /// One thing that a card must do.
  struct Check: Sendable {
    var name: String
    var run: @Sendable (ConformanceBench) throws -> Void
  }

  /// What a card did not do.
  public struct Failure: Error, CustomStringConvertible {
    /// Which check, and what was not so.
    public let description: String
  }

  /// Checks of a blank card.
  static let blankChecks: [Check] = introduction + blankState
  /// Checks of an issued card.
  static let issuedChecks: [Check] = [
    introduction, selection, lengths, refusals, channels, objects, holder, secureChannels, charging, keys, endurance,
  ].flatMap { $0 }

  /// Names of all checks, in order.
  public static var names: [String] {
    let blank = blankChecks.map { "blank: \($0.name)" }
    let issued = issuedChecks.map { "issued: \($0.name)" }
    return blank + ["issue"] + issued
  }

  /// Runs all checks on a blank card, which is issued meanwhile.
  ///
  /// - Returns: whatever failed; nothing more runs when the card cannot be issued.
  public static func failures(of card: CardUnderTest) throws -> [Failure] {
    let bench = try ConformanceBench(card)
    var failures = run(blankChecks, "blank", on: bench)
    do {
      try bench.known.issue(
        bench.connection, transportKeys: Secret(copying: card.transportKeys), keyVersion: KeyVersion.transportSet)
    } catch {
      return failures + [Failure(description: "issue: \(error)")]
    }
    failures += run(issuedChecks, "issued", on: bench)
    return failures
  }

  private static func run(_ checks: [Check], _ state: String, on bench: ConformanceBench) -> [Failure] {
    checks.compactMap { check in
      do {
        try bench.connection.reset()
        try check.run(bench)
        return nil
      } catch {
        return Failure(description: "\(state): \(check.name): \(error)")
      }
    }
  }
}
