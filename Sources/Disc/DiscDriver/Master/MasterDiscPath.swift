/// The rules for names on a master disc, narrow enough that every operating system shows them unchanged (M2).
///
/// A path is relative, its parts joined by `/`: at most 8 deep (ISO 9660, 6.8.2.1), each part 1 to 64 UTF-16 units (the
/// Joliet specification), none of them `.` or `..`, without control characters and without `* / : ; ? \`.
enum MasterDiscPath {
  static let maximumDepth = 8
  static let maximumUnits = 64

  /// Checks `path`, and gives the form under which two paths clash on systems that ignore case.
  static func clashKey(checking path: String) throws(MasterDiscError) -> String {
    func refuse(_ remedy: String) -> MasterDiscError {
      MasterDiscError(.invalidArgument, "the path '\(path.prefix(100))' cannot go onto a master disc", remedy: remedy)
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= maximumDepth else { throw refuse("use at most \(maximumDepth) levels") }
    for part in parts {
      guard !part.isEmpty, part != ".", part != ".." else {
        throw refuse("use a relative path without empty parts, '.' and '..'")
      }
      guard part.utf16.count <= maximumUnits else { throw refuse("use parts of at most \(maximumUnits) characters") }
      guard part.unicodeScalars.allSatisfy(isPortable) else {
        throw refuse("leave out control characters and any of * : ; ? \\")
      }
    }
    return path.lowercased()
  }

  private static func isPortable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "*", ":", ";", "?", "\\": false
    default: scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80...0x9F).contains(scalar.value)
    }
  }
}
