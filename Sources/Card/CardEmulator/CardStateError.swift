/// Why a card's state file could not be used. Nothing was changed.
public struct CardStateError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Hashable {
    /// There is no such file, or it may not be read.
    case unreadable
    /// There is a file already where a card was to be made.
    case exists
    /// Another process has the card.
    case busy
    /// The file is no card, or of a version this program does not know.
    case notACard
    /// The file is shorter or longer than its header says.
    case wrongSize
    /// The key is not the one the card was made under, or the header was altered.
    case notAuthentic
    /// The header is sound, but what the card wrote is not.
    case damaged
    /// The host could not write.
    case storage
  }

  /// What went wrong.
  public var code: Code
  /// The file.
  public var path: String
  /// What happened and what to do about it, a sentence for people.
  public var description: String

  init(_ code: Code, _ path: String, _ detail: String = "") {
    self.code = code
    self.path = path
    let more = detail.isEmpty ? "" : " (\(detail))"
    description =
      switch code {
      case .unreadable:
        "There is no card file at \(path) that can be opened\(more); check the path and its permissions."
      case .exists: "\(path) exists already; choose another name, or remove it first."
      case .busy: "The card \(path) is in use by another process; end that one first."
      case .notACard: "\(path) is no card file of a version this program knows; check the path."
      case .wrongSize:
        "The card file \(path) is cut off or has something behind its end\(more); restore it from a copy."
      case .notAuthentic:
        "\(path) was made under another emulator key, or its header was altered; give the key it was made under."
      case .damaged: "What the card \(path) stored is damaged; restore it from a copy."
      case .storage: "\(path) could not be written\(more); free space on its disk or check its permissions."
      }
  }
}
