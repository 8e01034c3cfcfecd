/// Which of the two ways of copying a title is sold under. A title has one profile for all its life, because it decides
/// under which key the title is sealed on master discs.
public enum CopyProfile: String, Codable, Hashable, Sendable, CaseIterable {
  /// By certificate code (M4 to M10): master and copy are the same ciphertext, and the card compares before it gives
  /// the title's content key.
  case certificate
  /// By conversion keys (M11 to M15): the copy is the same content under a key of the target medium.
  case conversion
}
