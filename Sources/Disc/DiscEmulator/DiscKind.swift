import DriveFirmware

/// The discs that can be made, by the megabytes printed on their shells; their layouts are the standards'.
public enum DiscKind: Int, CaseIterable, Sendable {
  /// ISO/IEC 10090.
  case mb128 = 128
  /// ISO/IEC 13963.
  case mb230 = 230
  /// ISO/IEC 15041, sectors of 512 octets.
  case mb540 = 540
  /// ISO/IEC 15041, sectors of 2048 octets.
  case mb640 = 640
  /// ISO/IEC 17346.
  case gb1_3 = 1300
  /// ISO/IEC 22533.
  case gb2_3 = 2300

  /// The layout.
  public var geometry: MediumGeometry {
    switch self {
    case .mb128: .mb128
    case .mb230: .mb230
    case .mb540: .mb540
    case .mb640: .mb640
    case .gb1_3: .gb1_3
    case .gb2_3: .gb2_3
    }
  }

  /// The kind with this layout; `nil` for a layout of nobody's.
  public init?(_ geometry: MediumGeometry) {
    guard let kind = DiscKind.allCases.first(where: { $0.geometry == geometry }) else { return nil }
    self = kind
  }
}

extension EmulatedDisc {
  /// Which kind of disc it is.
  public var kind: DiscKind? { DiscKind(geometry) }
}
