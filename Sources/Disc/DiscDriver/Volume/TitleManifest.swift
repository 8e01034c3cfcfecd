import Cryptography
import Identifiers
import Octets

/// What a title's software must look like: its length, and the digest of every segment of it.
///
/// Payload: software id (16), length of the software (8), length of a segment (4), length of the information (4), the
/// information, then SHA-256 of each segment (32 each).
struct TitleManifest: Hashable {
  /// Software is digested, and written, in segments of this length; the last one may be shorter.
  static let segmentLength = 1 << 20

  var softwareID: SoftwareID
  var length: UInt64
  var information: [UInt8]
  var digests: [[UInt8]] = []

  /// A manifest without digests yet.
  init(softwareID: SoftwareID, length: UInt64, information: [UInt8] = []) {
    self.softwareID = softwareID
    self.length = length
    self.information = information
  }

  /// Reads a payload.
  init(parsing payload: [UInt8]) throws(OctetError) {
    var reader = OctetReader(payload.span.bytes)
    guard let softwareID = SoftwareID(octets: try reader.take(SoftwareID.octetCount).octets) else { throw .invalid }
    self.softwareID = softwareID
    length = try reader.u64()
    guard try reader.u32() == UInt32(TitleManifest.segmentLength) else { throw .invalid }
    information = try reader.take(Int(try reader.u32())).octets
    let count = TitleManifest.segmentCount(length)
    guard UInt64(reader.remaining) / UInt64(Digest.octetCount) == count else { throw .truncated }
    for _ in 0..<count { digests.append(try reader.take(Digest.octetCount).octets) }
    try reader.expectEnd()
  }

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
  static func recordLength(length: UInt64, information: Int) -> Int? {
    let segments = segmentCount(length)
    guard segments <= UInt64(Catalogue.maximumManifestLength / Digest.octetCount), information >= 0,
      information <= Catalogue.maximumManifestLength
    else { return nil }
    let octets = VolumeRecord.overhead + 32 + information + Int(segments) * Digest.octetCount
    return octets <= Catalogue.maximumManifestLength ? octets : nil
  }
}
