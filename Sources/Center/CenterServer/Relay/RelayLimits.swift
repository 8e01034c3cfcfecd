/// How many conversations with cards there may be at once, and how long each may take.
public struct RelayLimits: Hashable, Sendable {
  /// The most conversations at once.
  public var dialogues = 4096
  /// The most conversations at once of one caller.
  public var dialoguesPerCaller = 64
  /// How long the centre waits for a card's response.
  public var stepTime: Duration = .seconds(60)
  /// How long a whole conversation may take.
  public var dialogueTime: Duration = .seconds(600)
  /// How long the end of a conversation is told again to whoever lost it.
  public var memoryTime: Duration = .seconds(60)
  /// The most commands of one conversation: a batch of the largest size takes 256, and what comes before and after it a
  /// few more.
  public var steps = 1024

  /// The usual ones.
  public init() {}
}
