import Synchronization

/// What the server counts, as Prometheus reads it (text format 0.0.4).
///
/// Labels come from the route table and from short lists, never from a request: nobody can make the server remember more
/// by asking for something new, and no figure tells of a person.
final class ServerMetrics: Sendable {
  struct Series: Hashable, Sendable {
    var operation: String
    var method: String
    var status: Int
  }

  private struct Figures {
    var requests: [Series: UInt64] = [:]
    /// By operation: how many took at most so long, for each of the bounds, and the sum of all.
    var durations: [String: (counts: [UInt64], seconds: Double)] = [:]
    var problems: [Problem.Kind: UInt64] = [:]
  }

  /// Upper bounds of the classes of duration, in seconds.
  private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private let figures = Mutex(Figures())

  /// Counts one answer.
  func count(_ series: Series, seconds: Double) {
    figures.withLock { figures in
      figures.requests[series, default: 0] += 1
      var (counts, sum) =
        figures.durations[series.operation] ?? ([UInt64](repeating: 0, count: ServerMetrics.bounds.count + 1), 0)
      let bound = ServerMetrics.bounds.firstIndex { seconds <= $0 } ?? ServerMetrics.bounds.count
      counts[bound] += 1
      sum += seconds
      figures.durations[series.operation] = (counts, sum)
    }
  }

  /// Counts one problem.
  func count(_ problem: Problem.Kind) { figures.withLock { $0.problems[problem, default: 0] += 1 } }

  /// The whole text; `gauges` have been read just now.
  func text(gauges: [(name: String, help: String, value: Int)]) -> String {
    let figures = figures.withLock { $0 }
    var lines = Lines()
    lines.head("warifu_http_requests_total", "counter", "Requests that were answered.")
    for (series, count) in figures.requests.sorted(by: { $0.key < $1.key }) {
      lines.add(
        "warifu_http_requests_total",
        ["operation": series.operation, "method": series.method, "status": "\(series.status)"],
        "\(count)")
    }
    lines.head("warifu_http_request_seconds", "histogram", "How long they took, from header to answer.")
    for (operation, duration) in figures.durations.sorted(by: { $0.key < $1.key }) {
      var below: UInt64 = 0
      for (bound, count) in zip(ServerMetrics.bounds.map { "\($0)" } + ["+Inf"], duration.counts) {
        below += count
        lines.add("warifu_http_request_seconds_bucket", ["operation": operation, "le": bound], "\(below)")
      }
      lines.add("warifu_http_request_seconds_sum", ["operation": operation], "\(duration.seconds)")
      lines.add("warifu_http_request_seconds_count", ["operation": operation], "\(below)")
    }
    lines.head("warifu_http_problems_total", "counter", "Requests that were answered with a problem, by kind.")
    for (kind, count) in figures.problems.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      lines.add("warifu_http_problems_total", ["kind": kind.rawValue], "\(count)")
    }
    for gauge in gauges {
      lines.head(gauge.name, "gauge", gauge.help)
      lines.add(gauge.name, [:], "\(gauge.value)")
    }
    return lines.text
  }

  private struct Lines {
    var text = ""

    mutating func head(_ name: String, _ type: String, _ help: String) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func add(_ name: String, _ labels: [String: String], _ value: String) {
      let pairs = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
      text += name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") + " \(value)\n"
    }
  }
}

extension ServerMetrics.Series: Comparable {
  static func < (a: Self, b: Self) -> Bool {
    (a.operation, a.method, a.status) < (b.operation, b.method, b.status)
  }
}
