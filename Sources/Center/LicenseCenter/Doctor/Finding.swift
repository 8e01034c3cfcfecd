/// One thing that the doctor looked at.
public struct Finding: Hashable, Sendable {
  /// How bad it is.
  public enum Severity: String, Hashable, Sendable, Comparable {
    /// As it should be.
    case good
    /// It will become worse if nobody does anything.
    case warning
    /// The centre does not work, or not safely.
    case error

    private var rank: Int { self == .good ? 0 : self == .warning ? 1 : 2 }
    /// Whether the left one is less bad.
    public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
  }

  /// How bad it is.
  public var severity: Severity
  /// What was looked at, a few words.
  public var subject: String
  /// What was found, a sentence for people.
  public var finding: String
  /// What to do about it, a sentence for people; `nil` where nothing is to be done.
  public var remedy: String?

  static func good(_ subject: String, _ finding: String) -> Finding {
    Finding(severity: .good, subject: subject, finding: finding, remedy: nil)
  }

  static func warning(_ subject: String, _ finding: String, _ remedy: String) -> Finding {
    Finding(severity: .warning, subject: subject, finding: finding, remedy: remedy)
  }

  static func error(_ subject: String, _ finding: String, _ remedy: String) -> Finding {
    Finding(severity: .error, subject: subject, finding: finding, remedy: remedy)
  }

  static func error(_ subject: String, _ error: CenterError) -> Finding {
    Finding(severity: .error, subject: subject, finding: "\(error.operation) failed.", remedy: error.remedy)
  }
}
