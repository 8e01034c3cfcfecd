/// Why a master disc could not be pressed or read (M2): what failed, on what, and what to do about it.
///
/// Pressing never leaves a half-written image under its name, and reading changes nothing, so there is no question of
/// whether the disc changed.
public struct MasterDiscError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    /// A path, volume name or length that a master disc cannot hold.
    case invalidArgument
    /// There is something under the image's name already; nothing was overwritten.
    case exists
    /// There is no such image, source or file on the disc.
    case notFound
    /// The operating system refused access.
    case accessDenied
    /// No room for the image, or for the scratch file beside it.
    case noSpace
    /// A source gave fewer or more octets than were announced.
    case lengthMismatch
    /// The image is no ISO 9660 image.
    case notAMasterDisc
    /// The image ends before what its directories promise.
    case truncated
    /// A structure of the image contradicts itself or the standard.
    case damaged
    /// The image is larger or stranger than this reader allows.
    case unsupported
    /// A file exceeds the limit that the caller set.
    case tooLarge
    /// The operating system reported an input or output error.
    case inputOutput
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, and to what.
  public var operation: String
  /// What to do about it, a sentence for people.
  public var remedy: String

  /// One sentence: what failed, and what to do.
  public var description: String { "\(operation): \(remedy)" }

  /// An error of a master disc.
  public init(_ code: Code, _ operation: String, remedy: String) {
    self.code = code
    self.operation = operation
    self.remedy = remedy
  }
}
