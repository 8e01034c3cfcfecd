import Identifiers

/// What changes that share a transaction remember of titles, one for the next: most want the same few.
///
/// Whoever changes a title or publishes one has all of it forgotten; so has a change that is undone.
public final class TitleMemory {
  /// Rows of titles.
  var rows: [SoftwareID: TitleRow] = [:]
  /// The newest file of each title.
  var publications: [SoftwareID: TitledPublication] = [:]

  func forget() { (rows, publications) = ([:], [:]) }
}
