import HTTPTypes
import LicenseCenter

/// For whoever runs the server.
enum OperationEndpoints {
  static func all(_ center: Center, _ metrics: ServerMetrics, _ connections: ConnectionTable) -> [Endpoint] {
    [health, ready(center), figures(metrics, connections)]
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

  private static func figures(_ metrics: ServerMetrics, _ connections: ConnectionTable) -> Endpoint {
    let type = "text/plain; version=0.0.4"
    return Endpoint(
      .get, "/metrics", "getMetrics", "Figures, as Prometheus reads them.", access: .roles([.auditor, .machine]),
      answer: .octets(type, "The figures.")
    ) { _ in
      let gauges = [("warifu_http_connections", "Connections that are open.", connections.count)]
      return .octets(Array(metrics.text(gauges: gauges.map { (name: $0.0, help: $0.1, value: $0.2) }).utf8), type: type)
    }
  }
}
