import Foundation

/// Every page, found by kind and path.
struct PageTable: Sendable {
  private let pages: [(segments: [String], page: Page)]

  /// What a path leads to.
  enum Match {
    case page(Page, [String: String])
    /// A page that is not asked for this way.
    case wrongKind
    /// No page.
    case nothing
  }

  init(_ pages: [Page]) {
    // A path that is spelled out goes before one with parameters.
    self.pages = pages.map { (PageTable.segments($0.path), $0) }
      .sorted { $0.segments.count { $0.hasPrefix("{") } < $1.segments.count { $0.hasPrefix("{") } }
  }

  /// - Parameter kind: `nil` for a method that no page has.
  func match(_ kind: Page.Kind?, _ path: String) -> Match {
    let segments = PageTable.segments(path)
    var isKnown = false
    for (shape, page) in pages where shape.count == segments.count {
      guard let values = PageTable.values(segments, in: shape) else { continue }
      if page.kind == kind { return .page(page, values) }
      isKnown = true
    }
    return isKnown ? .wrongKind : .nothing
  }

  private static func segments(_ path: String) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  private static func values(_ segments: [String], in shape: [String]) -> [String: String]? {
    var values: [String: String] = [:]
    for (segment, pattern) in zip(segments, shape) {
      if pattern.hasPrefix("{") {
        guard let value = segment.removingPercentEncoding, !value.isEmpty else { return nil }
        values[String(pattern.dropFirst().dropLast())] = value
      } else if segment != pattern {
        return nil
      }
    }
    return values
  }
}
