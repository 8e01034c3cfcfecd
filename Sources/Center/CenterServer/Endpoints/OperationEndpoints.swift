import HTTPTypes
import LicenseCenter

/// For whoever runs the server.
enum OperationEndpoints {
  static func all(_ center: Center, _ metrics: ServerMetrics, _ connections: ConnectionTable) -> [Endpoint] {
    [health, ready(center), figures(center, metrics, connections)]
  }

  private static let status = Schema.named(
    "Status", .object([.init("status", .text(.choice(["ok"])), "All is well.")]))

  private static let health = Endpoint(
    .get, "/health", "getHealth", "Whether the server runs.", access: .anyone, answer: .json(status, "It runs.")
  ) { _ in .json(["status": "ok"]) }

  private static func ready(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/ready", "getReadiness", "Whether the centre can serve: its database answers.", access: .anyone,
      answer: .json(status, "It can.")
    ) { _ in
      try await center.expectDatabase()
      return .json(["status": "ok"])
    }
  }

  /// Whoever asks hears of the server even while the database does not answer.
  private static func figures(
    _ center: Center, _ metrics: ServerMetrics, _ connections: ConnectionTable
  ) -> Endpoint {
    let type = "text/plain; version=0.0.4"
    let monitor = CenterMonitor(center)
    return Endpoint(
      .get, "/metrics", "getMetrics", "Figures, as Prometheus reads them.", access: .roles([.auditor, .machine]),
      answer: .octets(type, "The figures.")
    ) { _ in
      let found = await monitor.figures()
      let gauges: [ServerMetrics.Gauge] = [
        .init("warifu_http_connections", "Connections that are open.", connections.count),
        .init("warifu_database_up", "Whether the database answers.", found == nil ? 0 : 1),
      ]
      let all = gauges + (found?.center.gauges(at: center.clock.now()) ?? [])
      return .octets(Array(metrics.text(gauges: all, changes: found?.changes ?? [:]).utf8), type: type)
    }
  }
}
