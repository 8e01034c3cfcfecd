import Octets

/// A command as the host holds it (ISO/IEC 7816-4, 5.2).
public struct CommandAPDU: Hashable, Sendable {
  /// Class: interindustry or proprietary, logical channel, secure messaging; see ``ClassByte``.
  public var cla: UInt8
  /// Instruction.
  public var ins: UInt8
  /// First parameter.
  public var p1: UInt8
  /// Second parameter.
  public var p2: UInt8
  /// Command data field, 0 to 65,535 octets.
  public var data: [UInt8]
  /// The most octets expected in the response's data field, 1 to 65,536; `nil` when none are expected.
  public var le: Int?

  /// A command; lengths are checked when it is encoded.
  public init(cla: UInt8, ins: UInt8, p1: UInt8 = 0, p2: UInt8 = 0, data: [UInt8] = [], le: Int? = nil) {
    self.cla = cla
    self.ins = ins
    self.p1 = p1
    self.p2 = p2
    self.data = data
    self.le = le
  }

  /// Reads a whole command APDU, short or extended.
  ///
  /// - Throws: ``APDUError/tooShort`` for less than a header, ``APDUError/wrongLength`` when Lc, Le and the number of
  ///   octets contradict each other.
  public init(parsing octets: RawSpan) throws(APDUError) {
    let layout = try CommandLayout(octets)
    self.init(
      cla: octets[octet: 0], ins: octets[octet: 1], p1: octets[octet: 2], p2: octets[octet: 3],
      data: octets.extracting(layout.data).octets, le: layout.le)
  }

  /// The largest data field that a short APDU holds.
  public static let shortDataLimit = 255
  /// The largest Le that a short APDU holds.
  public static let shortLeLimit = 256
  /// The largest data field of all.
  public static let extendedDataLimit = 65_535
  /// The largest Le of all.
  public static let extendedLeLimit = 65_536

  /// Whether only extended length fields can hold Lc and Le.
  public var needsExtendedLength: Bool {
    data.count > CommandAPDU.shortDataLimit || (le ?? 0) > CommandAPDU.shortLeLimit
  }

  /// The command as octets: short where that holds it, else extended.
  ///
  /// - Throws: ``APDUError/dataTooLong`` or ``APDUError/leOutOfRange``.
  public func encoded() throws(APDUError) -> [UInt8] {
    guard data.count <= CommandAPDU.extendedDataLimit else { throw .dataTooLong }
    if let le, le < 1 || le > CommandAPDU.extendedLeLimit { throw .leOutOfRange }
    var octets = [cla, ins, p1, p2]
    octets.reserveCapacity(9 + data.count)
    if needsExtendedLength {
      octets.append(0)
      if !data.isEmpty {
        octets.appendBigEndian16(data.count)
        octets += data
      }
      // 65,536 is written as 0: the truncation to 16 bits is the coding.
      if let le { octets.appendBigEndian16(le) }
    } else {
      if !data.isEmpty {
        octets.append(UInt8(data.count))
        octets += data
      }
      if let le { octets.append(UInt8(truncatingIfNeeded: le)) }
    }
    return octets
  }
}

/// Why octets are no APDU, or an APDU has no octets.
public enum APDUError: Error, Equatable {
  /// A command of fewer than four octets, or a response of fewer than two.
  case tooShort
  /// Lc, Le and the number of octets contradict each other.
  case wrongLength
  /// More than 65,535 octets of command data.
  case dataTooLong
  /// Le below 1 or above 65,536.
  case leOutOfRange
}

/// Where the parts of a command APDU are: the seven cases of ISO/IEC 7816-4, 5.2, and nothing else.
struct CommandLayout {
  /// Where the data field is; empty when there is none.
  let data: Range<Int>
  /// Le, decoded.
  let le: Int?
  /// Whether the length fields are extended.
  let isExtended: Bool

  static let headerOctets = 4

  init(_ octets: RawSpan) throws(APDUError) {
    let count = octets.byteCount
    guard count >= CommandLayout.headerOctets else { throw .tooShort }
    func u16(_ offset: Int) -> Int { Int(octets[octet: offset]) << 8 | Int(octets[octet: offset + 1]) }

    if count == 4 {
      // Case 1: a header alone.
      (data, le, isExtended) = (4..<4, nil, false)
      return
    }
    let first = Int(octets[octet: 4])
    if count == 5 {
      // Case 2, short: Le alone.
      (data, le, isExtended) = (4..<4, first == 0 ? 256 : first, false)
      return
    }
    if first != 0 {
      // Cases 3 and 4, short: Lc, data, perhaps Le.
      let end = 5 + first
      switch count - end {
      case 0: (data, le) = (5..<end, nil)
      case 1:
        let expected = Int(octets[octet: end])
        (data, le) = (5..<end, expected == 0 ? 256 : expected)
      default: throw .wrongLength
      }
      isExtended = false
      return
    }
    guard count >= 7 else { throw .wrongLength }
    let length = u16(5)
    if count == 7 {
      // Case 2, extended: Le alone.
      (data, le, isExtended) = (4..<4, length == 0 ? 65_536 : length, true)
      return
    }
    // Cases 3 and 4, extended: Lc is never zero there.
    guard length > 0 else { throw .wrongLength }
    let end = 7 + length
    switch count - end {
    case 0: (data, le) = (7..<end, nil)
    case 2:
      let expected = u16(end)
      (data, le) = (7..<end, expected == 0 ? 65_536 : expected)
    default: throw .wrongLength
    }
    isExtended = true
  }
}

extension [UInt8] {
  /// Appends the low 16 bits of `value`, big-endian.
  mutating func appendBigEndian16(_ value: Int) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }
}
