/// Where everything of a licensed volume lies: fixed offsets, so that licences go to a predetermined region (M6).
///
/// The volume is the second partition of the medium (see ``PartitionTable``). In octets from its start, `L` its length:
///
/// | offset | length | what |
/// | --- | --- | --- |
/// | 0 | 32 KiB | volume header, copy A |
/// | 32 KiB | 32 KiB | journal of an unfinished copy, copy A |
/// | 64 KiB | 64 KiB | catalogue, copy A |
/// | 128 KiB | 112 × 8 KiB | licence slots, copies A |
/// | 1 MiB | `L` − 2 MiB | software, in clusters of 64 KiB |
/// | `L` − 1 MiB | 32 KiB | volume header, copy B |
/// | `L` − 992 KiB | 32 KiB | journal of an unfinished copy, copy B |
/// | `L` − 960 KiB | 64 KiB | catalogue, copy B |
/// | `L` − 896 KiB | 112 × 8 KiB | licence slots, copies B |
///
/// So the two copies of everything lie at opposite ends, in different bands of any medium that has several. The volume
/// ends where the medium's last whole mebibyte ends, so that copy B of the header is found without the partition table.
public struct VolumeLayout: Hashable, Sendable {
  /// Partitions, and the volume's end, lie on whole mebibytes.
  public static let alignment: UInt64 = 1 << 20
  /// Length of the copies A, and of the copies B.
  public static let metadataLength: UInt64 = 1 << 20
  /// Offset of the header in its copies.
  public static let headerOffset: UInt64 = 0
  /// Offset of the journal in its copies: a header needs little of its table.
  static let journalOffset: UInt64 = 32 << 10
  /// Room for the journal.
  static let journalLength = 32 << 10
  /// Offset of the catalogue in its copies.
  public static let catalogueOffset: UInt64 = 64 << 10
  /// Offset of the first licence slot in its copies (M6).
  public static let licenceOffset: UInt64 = 128 << 10
  /// Length of a licence slot.
  public static let licenceSlotLength = 8 << 10
  /// Number of licence slots, each in two copies.
  public static let licenceSlotCount = 112
  /// Largest licence.
  public static let maximumLicenceLength = 4 << 10
  /// Room for the catalogue, and for the header.
  static let tableLength = 64 << 10
  /// Software is given room in these units.
  public static let clusterLength: UInt64 = 64 << 10
  /// Smallest volume.
  public static let minimumLength: UInt64 = 4 << 20

  /// Octets in the volume, a whole number of mebibytes.
  public let length: UInt64
  /// Clusters in which the medium is embossed, so that no software fits there.
  var embossed: Extent?

  /// The layout of a volume of `length` octets; `nil` unless they are whole mebibytes and enough.
  public init?(length: UInt64) {
    guard length >= VolumeLayout.minimumLength, length % VolumeLayout.alignment == 0 else { return nil }
    self.length = length
  }

  /// The offset of one copy of something at `offset` in the copies.
  public func offset(of offset: UInt64, copy: Copy) -> UInt64 {
    switch copy {
    case .a: offset
    case .b: length - VolumeLayout.metadataLength + offset
    }
  }

  /// The offset of a licence slot in one of its copies.
  public func offset(ofLicenceSlot index: Int, copy: Copy) -> UInt64 {
    offset(of: VolumeLayout.licenceOffset + UInt64(index * VolumeLayout.licenceSlotLength), copy: copy)
  }

  /// The clusters for software.
  var softwareClusters: Range<UInt64> {
    let start = VolumeLayout.metadataLength / VolumeLayout.clusterLength
    return start..<((length - VolumeLayout.metadataLength) / VolumeLayout.clusterLength)
  }

  /// One of the two copies of everything but software.
  public enum Copy: Hashable, Sendable, CaseIterable {
    /// At the volume's start.
    case a
    /// At its end.
    case b

    /// The other one.
    var other: Copy { self == .a ? .b : .a }
  }
}
