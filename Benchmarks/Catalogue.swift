/// One thing to measure; it prepares what it needs only when it runs.
struct Benchmark: Sendable {
  let name: String
  /// Measures; mostly one figure, more where one run answers several questions.
  let run: @Sendable (Plan) async throws -> [Figure]
}

/// Everything that `make bench` measures, in the order of the table.
enum Catalogue {
  static let all: [Benchmark] =
    CardBenchmarks.all + ChannelBenchmarks.all + CertificateBenchmarks.all + ChargingBenchmarks.all
    + StoreBenchmarks.all + PresenceBenchmarks.all + StreamBenchmarks.all + LicenseBenchmarks.all + CopyBenchmarks.all
    + ConversionBenchmarks.all + NBDBenchmarks.all + ISCSIBenchmarks.all + CenterBenchmarks.all
    + CardChargeBenchmarks.all
}
