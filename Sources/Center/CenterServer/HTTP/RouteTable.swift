import Foundation
import HTTPTypes

/// Every endpoint, found by method and path.
struct RouteTable: Sendable {
  let endpoints: [Endpoint]
  private let routes: [[String]: [Endpoint]]
  private let shapes: [Int: [[String]]]

  /// What a request line leads to.
  enum Match {
    /// To an endpoint, with what stands in the places of its path's parameters.
    case endpoint(Endpoint, [String: String])
    /// To a path that has other methods.
    case methods([HTTPRequest.Method])
    /// Nowhere.
    case nothing
  }

  init(_ endpoints: [Endpoint]) {
    self.endpoints = endpoints
    routes = Dictionary(grouping: endpoints) { RouteTable.segments($0.path) }
    // A path that is spelled out goes before one with parameters.
    let order = routes.keys.sorted { $0.lazy.filter(\.isParameter).count < $1.lazy.filter(\.isParameter).count }
    shapes = Dictionary(grouping: order, by: \.count)
  }

  /// - Parameter path: as it arrived, before the question mark.
  func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
    let segments = RouteTable.segments(path)
    for shape in shapes[segments.count] ?? [] {
      guard let values = RouteTable.values(segments, in: shape), let candidates = routes[shape] else { continue }
      let wanted: HTTPRequest.Method = method == .head ? .get : method
      if let endpoint = candidates.first(where: { $0.method == wanted }) { return .endpoint(endpoint, values) }
      return .methods(candidates.flatMap { $0.method == .get ? [.get, .head] : [$0.method] })
    }
    return .nothing
  }

  private static func segments(_ path: String) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  private static func values(_ segments: [String], in shape: [String]) -> [String: String]? {
    var values: [String: String] = [:]
    for (segment, pattern) in zip(segments, shape) {
      if pattern.isParameter {
        guard !segment.isEmpty, let value = segment.removingPercentEncoding else { return nil }
        values[String(pattern.dropFirst().dropLast())] = value
      } else if segment != pattern {
        return nil
      }
    }
    return values
  }
}

extension Endpoint {
  /// The parameters of a request, each as its schema wants it.
  ///
  /// - Parameter query: what stands behind the question mark, as it arrived.
  func read(path: [String: String], query: String?, header: HTTPFields) throws(Problem) -> [String: JSON] {
    var found: [String: JSON] = [:]
    let queried = try Endpoint.pairs(query)
    for parameter in parameters {
      let text =
        switch parameter.place {
        case .path: path[parameter.name]
        case .query: queried[parameter.name]
        case .header: HTTPField.Name(parameter.name).flatMap { header[$0] }
        }
      guard let text else {
        if parameter.isOptional { continue }
        throw Problem(.invalid, "The parameter \(parameter.name) is missing.")
      }
      let value = parameter.schema.value(of: text)
      if let fault = parameter.schema.fault(in: value, at: parameter.name) { throw Problem(.invalid, "\(fault).") }
      found[parameter.name] = value
    }
    let known = Set(parameters.lazy.filter { $0.place == .query }.map(\.name))
    guard queried.keys.allSatisfy(known.contains) else {
      throw Problem(.invalid, "The query has a parameter that nobody knows.")
    }
    return found
  }

  private static func pairs(_ query: String?) throws(Problem) -> [String: String] {
    var pairs: [String: String] = [:]
    for pair in (query ?? "").split(separator: "&") {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = halves[0].decodedForm, let value = (halves.count == 2 ? halves[1] : "").decodedForm,
        pairs.updateValue(value, forKey: name) == nil
      else { throw Problem(.invalid, "The query is not well-formed, or has a parameter twice.") }
    }
    return pairs
  }
}

extension Schema {
  /// The value that stands in a path or query.
  fileprivate func value(of text: String) -> JSON {
    if case .integer = self, let number = Int64(text) { return .integer(number) }
    return .text(text)
  }
}

extension Substring {
  /// What it says in the encoding of forms.
  fileprivate var decodedForm: String? {
    replacingOccurrences(of: "+", with: " ").removingPercentEncoding
  }
}

extension String {
  /// Whether a segment of an endpoint's path is the place of a parameter.
  fileprivate var isParameter: Bool { hasPrefix("{") }
}
