/// Why a disc image could not be made, opened or changed. ``description`` is one sentence with what to do.
public struct DiscImageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    /// There is no such file.
    case notFound
    /// There is a file of that name already.
    case exists
    /// The file, or its folder, may not be used like that.
    case notPermitted
    /// Another process, or another part of this one, has the image open.
    case inUse
    /// The file is something else.
    case notAnImage
    /// The image was made by a later version.
    case unsupportedVersion
    /// The file is shorter or longer than the image it says it is.
    case wrongSize
    /// Both copies of the header are damaged.
    case damagedHeader
    /// Both copies of the factory record are damaged.
    case damagedFactoryRecord
    /// All copies of the defect lists are damaged.
    case damagedDefectLists
    /// The states of the sectors are damaged.
    case damagedSectorStates
    /// A parameter is not one that an image can have.
    case invalidParameter
    /// The file system is full, or a quota is used up.
    case diskFull
    /// Reading or writing the file failed.
    case inputOutput
  }

  /// What went wrong.
  public let code: Code
  /// The image's path.
  public let path: String
  /// What is wrong, without the path, as the end of a sentence.
  public let reason: String
  /// What to do about it.
  public let remedy: String
  /// Whether the image may have changed.
  public let imageMayHaveChanged: Bool

  init(_ code: Code, _ path: String, _ reason: String, remedy: String, imageMayHaveChanged: Bool = false) {
    self.code = code
    self.path = path
    self.reason = reason
    self.remedy = remedy
    self.imageMayHaveChanged = imageMayHaveChanged
  }

  /// Path, reason and remedy.
  public var description: String { "\(path): \(reason); \(remedy)." }
}
