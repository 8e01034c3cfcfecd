/// A reader, as it was when the service was asked.
public struct Reader: Sendable, Hashable {
  /// What is in a reader, and who has it.
  public enum State: String, Sendable, Hashable, CaseIterable {
    /// No card.
    case empty
    /// A card that nobody uses.
    case present
    /// A card that at least one program has a connection to.
    case inUse
    /// A card that one program keeps for itself.
    case exclusive
    /// A card that does not answer to reset.
    case mute
    /// The reader is there, but the service cannot use it.
    case unavailable
  }

  /// Its name: the service makes it unique, and it does not depend on the order of plugging in. May change after
  /// a restart of the service if there are several readers of one make.
  public let name: String
  /// What is in it.
  public let state: State
  /// What its card answered to reset; `nil` without a card, or with one that is mute.
  public let answerToReset: [UInt8]?

  /// A reader as it was.
  public init(name: String, state: State, answerToReset: [UInt8]? = nil) {
    self.name = name
    self.state = state
    self.answerToReset = answerToReset
  }

  /// A reader as a state structure tells it.
  package init(_ state: ReaderState) {
    let kind = State(state.event)
    self.init(
      name: state.name, state: kind,
      answerToReset: kind.hasCard && !state.answerToReset.isEmpty ? state.answerToReset : nil)
  }

  /// Whether a card is in it.
  public var hasCard: Bool { state.hasCard }
}

extension Reader.State {
  /// Whether a card is there, even a mute one.
  public var hasCard: Bool { self != .empty && self != .unavailable }

  /// What the bits of a state structure say.
  fileprivate init(_ flags: ReaderFlags) {
    self =
      if !flags.isDisjoint(with: [.unknown, .unavailable]) { .unavailable } else if !flags.contains(.present) {
        .empty
      } else if flags.contains(.mute) { .mute } else if flags.contains(.exclusive) {
        .exclusive
      } else if flags.contains(.inUse) { .inUse } else { .present }
  }
}
