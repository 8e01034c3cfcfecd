import Foundation
import LicenseCenter
import Logging
import Synchronization

/// Logs one JSON object a line: `time` (seconds since 1970 UTC), `level`, `message`, and what else there is to say.
public struct JSONLogHandler: LogHandler {
  /// What every line says.
  public var metadata: Logger.Metadata = [:]
  /// What is left out.
  public var logLevel: Logger.Level = .info

  private let label: String
  private let clock: any CenterClock
  private let write: @Sendable ([UInt8]) -> Void

  /// - Parameter write: takes one whole line at a time, its end included.
  public init(label: String, clock: any CenterClock, write: @escaping @Sendable ([UInt8]) -> Void) {
    self.label = label
    self.clock = clock
    self.write = write
  }

  /// A member of ``metadata``.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a line.
  public func log(event: LogEvent) {
    var members: [String: JSON] = [:]
    for (name, value) in metadata { members[name] = JSON(value) }
    for (name, value) in event.metadata ?? [:] { members[name] = JSON(value) }
    members["time"] = .integer(Int64(clamping: clock.now()))
    members["level"] = .text(event.level.rawValue)
    members["message"] = .text(event.message.description)
    members["from"] = .text(label)
    write(JSON.object(members).encoded + [0x0A])
  }
}

extension JSON {
  fileprivate init(_ value: Logger.Metadata.Value) {
    switch value {
    case .string(let text): self = .text(text)
    case .stringConvertible(let number as any BinaryInteger): self = .integer(Int64(clamping: number))
    case .stringConvertible(let number as Double): self = .number(number)
    case .stringConvertible(let value): self = .text(value.description)
    case .array(let values): self = .array(values.map { JSON($0) })
    case .dictionary(let values): self = .object(values.mapValues { JSON($0) })
    }
  }
}
