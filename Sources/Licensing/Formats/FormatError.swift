/// Why octets or text are no record of the kind that was expected.
///
/// Everything here comes from outside (a disc, a file, a socket, a keyboard): parsers throw, none traps, and no error
/// repeats what it read.
public struct FormatError: Error, Hashable, Sendable {
  /// What is wrong.
  public enum Code: Hashable, Sendable {
    /// Fewer octets than the format needs.
    case truncated
    /// More octets than the format allows, in a field or after the last one.
    case oversized
    /// A record of another kind, or of a version that this program does not know.
    case unknownKind
    /// A value that the format forbids.
    case invalid
    /// Not the one canonical way to write this record.
    case notCanonical
    /// The signature is not good. Nothing more is said.
    case notAuthentic
  }

  /// What is wrong.
  public var code: Code
  /// The record or field, for people: "copy licence, certificate code".
  public var subject: String

  /// An error about `subject`.
  public init(_ code: Code, _ subject: String) {
    self.code = code
    self.subject = subject
  }
}

extension FormatError: CustomStringConvertible {
  /// One sentence.
  public var description: String {
    switch code {
    case .truncated: "The \(subject) is cut short."
    case .oversized: "The \(subject) is longer than it may be."
    case .unknownKind: "This is no \(subject) that this version of the program knows."
    case .invalid: "The \(subject) has a value that is not allowed."
    case .notCanonical: "The \(subject) is not written in its canonical form."
    case .notAuthentic: "The \(subject) is not authentic."
    }
  }
}
