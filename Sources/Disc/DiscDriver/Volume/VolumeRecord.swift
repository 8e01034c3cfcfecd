import Cryptography
import Octets

/// The form of everything on a licensed volume but the software itself:
///
/// | offset | octets | what |
/// | --- | --- | --- |
/// | 0 | 8 | magic: `WARIFU` and two letters for the kind |
/// | 8 | 2 | version of the kind, 1; of a manifest 1 or 2 |
/// | 10 | 2 | 0 |
/// | 12 | 4 | length of the payload |
/// | 16 | 8 | sequence, from 1: of two valid copies the higher one holds |
/// | 24 | 16 | volume id, random: what an earlier formatting left does not count |
/// | 40 | 32 | medium id digest: SHA-256 of the medium id as a typed field |
/// | 72 | n | payload |
/// | 72 + n | 32 | SHA-256 of all before |
///
/// Integers are big-endian. The digest detects damage, not malice: authentic is what a signature inside the payload says.
struct VolumeRecord: Hashable {
  /// What a record holds.
  enum Kind: String, CaseIterable {
    case header = "WARIFUVH"
    case catalogue = "WARIFUCT"
    case licence = "WARIFULS"
    case manifest = "WARIFUMF"
    case journal = "WARIFUTJ"

    /// The latest version that this program knows.
    var latestVersion: UInt16 { self == .manifest ? 2 : 1 }
  }

  static let overhead = 72 + 32
  /// Sequences of later records still fit behind the highest accepted one.
  static let sequences: ClosedRange<UInt64> = 1...(1 << 62)

  var kind: Kind
  var sequence: UInt64
  var volumeID: [UInt8]
  var mediumDigest: [UInt8]
  var payload: [UInt8]
  var version: UInt16 = 1

  /// What was found where a record may be.
  enum Found: Hashable {
    /// A whole record.
    case valid(VolumeRecord)
    /// A whole record with content that has no place there: no flaw and no power cut makes one.
    case malformed(VolumeRecord)
    /// What begins like a record of this volume and is none.
    case damaged
    /// What the medium cannot give any more.
    case unreadable
    /// A whole record of a later version.
    case newer
    /// Anything else: nothing was ever written here for this volume.
    case blank

    /// The same, but for a record whose content `isWellFormed` does not accept.
    func checked(_ isWellFormed: (VolumeRecord) -> Bool) -> Found {
      if case .valid(let record) = self, !isWellFormed(record) { .malformed(record) } else { self }
    }
  }

  /// How long the record is that begins in `octets`; `nil` if none of this kind does.
  static func octetCount(of kind: Kind, in octets: [UInt8]) -> Int? {
    guard octets.starts(with: kind.rawValue.utf8) else { return nil }
    var reader = OctetReader(octets.span.bytes)
    guard (try? reader.take(12)) != nil, let length = try? reader.u32() else { return nil }
    return Int(length) + overhead
  }

  /// Reads what lies in `octets`; behind the record anything may follow.
  ///
  /// - Parameter volumeID: whose records are looked for; `nil` for any.
  static func find(_ kind: Kind, of volumeID: [UInt8]?, in octets: some Collection<UInt8>) -> Found {
    guard octets.starts(with: kind.rawValue.utf8) else {
      return volumeID.map { hasVolumeID($0, in: octets) } == true ? .damaged : .blank
    }
    let octets = Array(octets)
    var reader = OctetReader(octets.span.bytes)
    do {
      _ = try reader.take(8)
      let version = try reader.u16()
      _ = try reader.u16()
      let length = Int(try reader.u32())
      let sequence = try reader.u64()
      let volume = try reader.take(16).octets
      let medium = try reader.take(32).octets
      let payload = try reader.take(length).octets
      let digest = try reader.take(Digest.octetCount).octets
      guard Digest.sha256(octets.span.bytes.extracting(0..<(72 + length))) == digest else {
        return volumeID == nil || volume == volumeID ? .damaged : .blank
      }
      guard volumeID == nil || volume == volumeID else { return .blank }
      guard version <= kind.latestVersion else { return .newer }
      guard version > 0, sequences.contains(sequence) else { return .damaged }
      return .valid(
        VolumeRecord(
          kind: kind, sequence: sequence, volumeID: volume, mediumDigest: medium, payload: payload, version: version))
    } catch {
      return .damaged
    }
  }

  /// Whether a record of this volume may lie here: its id is where it belongs, whatever became of the rest.
  static func hasVolumeID(_ volumeID: [UInt8], in octets: some Collection<UInt8>) -> Bool {
    octets.dropFirst(24).starts(with: volumeID)
  }

  /// The record as it lies on the medium, with zeros up to a multiple of `unit`.
  func encoded(paddedTo unit: Int) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(payload.count + VolumeRecord.overhead + unit)
    octets += kind.rawValue.utf8
    octets.append(bigEndian: version)
    octets.append(bigEndian: UInt16(0))
    octets.append(bigEndian: UInt32(clamping: payload.count))
    octets.append(bigEndian: sequence)
    octets += volumeID
    octets += mediumDigest
    octets += payload
    octets += Digest.sha256(octets)
    let excess = octets.count % unit
    if excess > 0 { octets += [UInt8](repeating: 0, count: unit - excess) }
    return octets
  }
}

extension [UInt8] {
  /// Appends an integer, most significant octet first.
  mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}
