import Identifiers
import Octets

/// What a title's software must look like: its length, and the digest of every segment of it.
///
/// Payload: software id (16), length of the software (8), length of a segment (4), length of the information (4), the
/// information, then a digest of each segment: SHA-256 (32 each) in a record of version 1, CRC-32C (4 each) in one of
/// version 2.
struct TitleManifest: Hashable {
  /// Software is digested, and written, in segments of this length; the last one may be shorter.
  static let segmentLength = 1 << 20

  var softwareID: SoftwareID
  var length: UInt64
  var information: [UInt8]
  /// Of what kind the digests are.
  let digest: SegmentDigest
  var digests: [[UInt8]] = []

  /// A manifest without digests yet.
  init(softwareID: SoftwareID, length: UInt64, information: [UInt8] = [], digest: SegmentDigest = .sha256) {
    self.softwareID = softwareID
    self.length = length
    self.information = information
    self.digest = digest
  }

  /// Reads the payload of a record.
  init(parsing record: VolumeRecord) throws(OctetError) {
    guard let digest = SegmentDigest(manifestVersion: record.version) else { throw .invalid }
    self.digest = digest
    let payload = record.payload
    var reader = OctetReader(payload.span.bytes)
    guard let softwareID = SoftwareID(octets: try reader.take(SoftwareID.octetCount).octets) else { throw .invalid }
    self.softwareID = softwareID
    length = try reader.u64()
    guard try reader.u32() == UInt32(TitleManifest.segmentLength) else { throw .invalid }
    information = try reader.take(Int(try reader.u32())).octets
    let count = TitleManifest.segmentCount(length)
    guard UInt64(reader.remaining) / UInt64(digest.octetCount) == count else { throw .truncated }
    for _ in 0..<count { digests.append(try reader.take(digest.octetCount).octets) }
    try reader.expectEnd()
  }

  /// The version of the record that holds it.
  var version: UInt16 { digest.manifestVersion }

  /// The payload.
  var encoded: [UInt8] {
    var octets = softwareID.octets
    octets.append(bigEndian: length)
    octets.append(bigEndian: UInt32(TitleManifest.segmentLength))
    octets.append(bigEndian: UInt32(clamping: information.count))
    octets += information
    for digest in digests { octets += digest }
    return octets
  }

  /// Segments of software of this length.
  static func segmentCount(_ length: UInt64) -> UInt64 {
    length / UInt64(segmentLength) + (length % UInt64(segmentLength) > 0 ? 1 : 0)
  }

  /// Length of the record that holds a manifest; `nil` if there can be none so large.
  static func recordLength(length: UInt64, information: Int, digest: SegmentDigest) -> Int? {
    let segments = segmentCount(length)
    guard segments <= UInt64(Catalogue.maximumManifestLength / digest.octetCount), information >= 0,
      information <= Catalogue.maximumManifestLength
    else { return nil }
    let octets = VolumeRecord.overhead + 32 + information + Int(segments) * digest.octetCount
    return octets <= Catalogue.maximumManifestLength ? octets : nil
  }
}

extension SegmentDigest {
  /// The version of the record of a manifest with such digests.
  fileprivate var manifestVersion: UInt16 {
    switch self {
    case .sha256: 1
    case .crc32c: 2
    }
  }

  /// What a manifest in a record of this version has.
  fileprivate init?(manifestVersion version: UInt16) {
    guard let digest = SegmentDigest.allCases.first(where: { $0.manifestVersion == version }) else { return nil }
    self = digest
  }
}
