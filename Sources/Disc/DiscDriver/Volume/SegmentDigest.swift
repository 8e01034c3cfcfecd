import Cryptography
import Octets

/// By what a title's manifest knows a segment of its software again, when it is read back.
///
/// A manifest is not signed: it finds what the medium or a cut did to the software, and none of these keeps anybody from
/// changing both.
public enum SegmentDigest: CaseIterable, Hashable, Sendable {
  /// 32 octets: costs nothing where the catalogue's signature wants these very digests anyway (M8).
  case sha256
  /// 4 octets, by an instruction of the processor: for software whose every segment authenticates itself (M14).
  case crc32c

  /// Octets of each digest.
  public var octetCount: Int {
    switch self {
    case .sha256: Digest.octetCount
    case .crc32c: 4
    }
  }

  /// The digest of a segment.
  public func digest(of segment: UnsafeRawBufferPointer) -> [UInt8] {
    switch self {
    case .sha256:
      return Digest.sha256(segment)
    case .crc32c:
      var crc = CRC32C()
      crc.update(byProcessor: segment)
      var octets: [UInt8] = []
      octets.append(bigEndian: crc.value)
      return octets
    }
  }
}
