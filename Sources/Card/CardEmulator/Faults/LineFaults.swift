/// What goes wrong with a card and the line to it, by plan: for a card in a reader, or wrapped in a ``FaultyLine``.
///
/// Responses are counted from 1 when the card is inserted; answers to reset are none. As text, a plan is a list joined by
/// commas:
///
/// | item | effect |
/// | --- | --- |
/// | `cut-after=N` | the power fails in the storage operation after the N-th |
/// | `tear=N` | so many octets of that operation still reach the flash, 0 unless told |
/// | `delay=TIME@WHEN` | the response comes so much later: `50ms`, `1.5s` |
/// | `truncate@WHEN`, `truncate=N@WHEN` | only the first N octets of the response come, 1 unless told: vpcd waits for ever for an empty one |
/// | `wrong-mac@WHEN` | the last octet of the response's data is another: there its MAC ends, if it has one |
/// | `hang@WHEN` | the card executes the command and never answers, until it is removed or reset |
/// | `pull@WHEN` | the card executes the command and is gone before it answers |
///
/// WHEN is `3`, the third response, or `*/3`, every third.
public struct LineFaults: Hashable, Sendable {
  /// What happens to a response.
  public enum Fault: Hashable, Sendable {
    /// It comes later.
    case delay(Duration)
    /// Only so many octets of it come, 1 at least.
    case truncate(octets: Int)
    /// One bit of the octet before the status word is another.
    case wrongMAC
    /// It never comes.
    case hang
    /// The card is gone before it comes.
    case pull
  }

  /// When it happens, counted in responses from 1.
  public enum Occasion: Hashable, Sendable {
    /// At this one.
    case at(Int)
    /// At every multiple of this number.
    case every(Int)

    func includes(_ response: Int) -> Bool {
      switch self {
      case .at(let number): response == number
      case .every(let period): period > 0 && response.isMultiple(of: period)
      }
    }
  }

  /// One thing that goes wrong.
  public struct Rule: Hashable, Sendable {
    /// What happens.
    public var fault: Fault
    /// When it happens.
    public var occasion: Occasion

    /// A rule.
    public init(_ fault: Fault, _ occasion: Occasion) {
      self.fault = fault
      self.occasion = occasion
    }
  }

  /// What happens to responses. Several rules may meet at one response; they apply in their order.
  public var rules: [Rule]
  /// When the power fails, if it does.
  public var storage: StorageFaults?

  /// A plan; without arguments nothing goes wrong.
  public init(_ rules: [Rule] = [], storage: StorageFaults? = nil) {
    self.rules = rules
    self.storage = storage
  }
}

/// A plan on its way: counts responses and disturbs those whose turn it is.
struct FaultSchedule {
  /// What becomes of a response.
  struct Outcome {
    var response: [UInt8]
    var delay = Duration.zero
    var ending = Ending.deliver
  }

  /// What the card does with it.
  enum Ending {
    case deliver, hang, pull
  }

  private let rules: [LineFaults.Rule]
  private var responses = 0

  init(_ faults: LineFaults) { rules = faults.rules }

  /// Whether nothing is planned, so that responses need not pass through here.
  var isEmpty: Bool { rules.isEmpty }

  /// The next response, as it comes out of the card.
  mutating func disturb(_ response: [UInt8]) -> Outcome {
    responses += 1
    var outcome = Outcome(response: response)
    for rule in rules where rule.occasion.includes(responses) { outcome.suffer(rule.fault) }
    return outcome
  }
}

extension FaultSchedule.Outcome {
  fileprivate mutating func suffer(_ fault: LineFaults.Fault) {
    switch fault {
    case .delay(let duration): delay += duration
    case .truncate(let octets): response = Array(response.prefix(max(1, octets)))
    case .wrongMAC where response.count > 2: response[response.count - 3] ^= 1
    case .wrongMAC: break
    case .hang: ending = .hang
    case .pull: ending = .pull
    }
  }
}
