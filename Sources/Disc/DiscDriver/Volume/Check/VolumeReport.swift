/// What a check of a licensed volume found. It is the state of the disc at that moment, as it would be after a power cut.
public struct VolumeReport: Hashable, Sendable {
  /// All findings in one word.
  public enum State: Hashable, Sendable, CaseIterable {
    /// Everything is there, in both copies.
    case whole
    /// Everything is there; a change was interrupted, or a copy is missing.
    case repairable
    /// Something is lost, and the findings say what.
    case damaged
    /// The volume was made on another medium and copied here (M10).
    case foreign
    /// A later version of this program wrote on it.
    case newer
    /// There is no licensed volume.
    case unformatted
  }

  /// The medium that was in the drive.
  public let identity: MediumIdentity
  /// What is not as it should be; empty for a volume that is whole.
  public internal(set) var findings: [VolumeFinding] = []
  /// Licences on the volume.
  public internal(set) var licenceCount = 0
  /// Titles on the volume, damaged ones too.
  public internal(set) var titleCount = 0
  /// Octets of software that were read and compared with the manifests' digests; 0 unless that was asked for.
  public internal(set) var comparedOctets: UInt64 = 0
  /// Whether the check came to its end; else somebody stopped it.
  public internal(set) var isComplete = true

  /// All findings in one word.
  public var state: State {
    func has(_ matches: (VolumeFinding) -> Bool) -> Bool { findings.contains(where: matches) }
    if has({ if case .absent = $0.condition { true } else { false } }) { return .unformatted }
    if has({ $0.condition == .newer }) { return .newer }
    if has({ $0.severity == .unusable }) { return .foreign }
    if has({ $0.severity == .damage }) { return .damaged }
    return has { $0.severity == .repairable } ? .repairable : .whole
  }
}
