import LicenseCenter
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

  /// One figure that has been read just now.
  struct Gauge: Sendable {
    var name: String
    var help: String
    var value: Int

    init(_ name: String, _ help: String, _ value: Int) { (self.name, self.help, self.value) = (name, help, value) }
  }

  /// How many took at most so long, for each of the bounds, and the sum of all.
  private struct Histogram {
    var counts = [UInt64](repeating: 0, count: ServerMetrics.bounds.count + 1)
    var seconds = 0.0

    mutating func add(_ seconds: Double) {
      counts[ServerMetrics.bounds.firstIndex { seconds <= $0 } ?? ServerMetrics.bounds.count] += 1
      self.seconds += seconds
    }
  }

  private struct Figures {
    var requests: [Series: UInt64] = [:]
    var durations: [String: Histogram] = [:]
    var problems: [Problem.Kind: UInt64] = [:]
    var accesses: [DatabaseAccess: Histogram] = [:]
    var waiting: [DatabaseAccess: Int] = [:]
  }

  /// Upper bounds of the classes of duration, in seconds.
  private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private let figures = Mutex(Figures())

  /// Counts one answer.
  func count(_ series: Series, seconds: Double) {
    figures.withLock { figures in
      figures.requests[series, default: 0] += 1
      figures.durations[series.operation, default: Histogram()].add(seconds)
    }
  }

  /// Counts one problem.
  func count(_ problem: Problem.Kind) { figures.withLock { $0.problems[problem, default: 0] += 1 } }

  /// The whole text; `gauges` and how often each thing was done at the centre have been read just now.
  func text(gauges: [Gauge], changes: [String: Int] = [:]) -> String {
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
      lines.add("warifu_http_request_seconds", ["operation": operation], duration)
    }
    lines.head("warifu_http_problems_total", "counter", "Requests that were answered with a problem, by kind.")
    for (kind, count) in figures.problems.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      lines.add("warifu_http_problems_total", ["kind": kind.rawValue], "\(count)")
    }
    lines.head("warifu_changes_total", "counter", "What was done at the centre, as the audit log names it.")
    for (action, count) in changes.sorted(by: { $0.key < $1.key }) {
      lines.add("warifu_changes_total", ["action": action], "\(count)")
    }
    lines.head("warifu_database_seconds", "histogram", "How long the database took, waiting for a turn included.")
    for access in DatabaseAccess.allCases {
      lines.add("warifu_database_seconds", ["access": access.rawValue], figures.accesses[access] ?? Histogram())
    }
    lines.head("warifu_database_waiting", "gauge", "Callers who wait for the database.")
    for access in DatabaseAccess.allCases {
      lines.add("warifu_database_waiting", ["access": access.rawValue], "\(figures.waiting[access] ?? 0)")
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

    mutating func add(_ name: String, _ labels: [String: String], _ histogram: Histogram) {
      var below: UInt64 = 0
      for (bound, count) in zip(ServerMetrics.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
        below += count
        add(name + "_bucket", labels.merging(["le": bound]) { $1 }, "\(below)")
      }
      add(name + "_sum", labels, "\(histogram.seconds)")
      add(name + "_count", labels, "\(below)")
    }
  }
}

extension ServerMetrics: DatabaseObserving {
  func began(_ access: DatabaseAccess) { figures.withLock { $0.waiting[access, default: 0] += 1 } }

  func ended(_ access: DatabaseAccess, after duration: Duration) {
    figures.withLock { figures in
      figures.waiting[access, default: 0] -= 1
      figures.accesses[access, default: Histogram()].add(duration / .seconds(1))
    }
  }
}

extension ServerMetrics.Series: Comparable {
  static func < (a: Self, b: Self) -> Bool {
    (a.operation, a.method, a.status) < (b.operation, b.method, b.status)
  }
}
