import Octets

/// A command as the firmware sees it: a look at octets that lie elsewhere, without a copy.
public struct CommandView: ~Escapable {
  /// Class; see ``ClassByte``.
  public let cla: UInt8
  /// Instruction.
  public let ins: UInt8
  /// First parameter.
  public let p1: UInt8
  /// Second parameter.
  public let p2: UInt8
  /// Command data field, 0 to 65,535 octets.
  public let data: RawSpan
  /// The most octets expected in the response's data field, 1 to 65,536; `nil` when none are expected.
  public let le: Int?
  /// Whether Lc and Le are coded as extended length fields.
  public let isExtended: Bool

  /// Looks at a whole command APDU, short or extended.
  ///
  /// - Throws: ``StatusWord/wrongLength`` (6700) when `octets` are no command (ISO/IEC 7816-4, 5.2).
  @_lifetime(copy octets)
  public init(_ octets: RawSpan) throws(StatusWord) {
    let layout: CommandLayout
    do { layout = try CommandLayout(octets) } catch { throw .wrongLength }
    cla = octets[octet: 0]
    ins = octets[octet: 1]
    p1 = octets[octet: 2]
    p2 = octets[octet: 3]
    data = octets.extracting(layout.data)
    le = layout.le
    isExtended = layout.isExtended
  }

  /// The class octet, decoded.
  public var classByte: ClassByte { ClassByte(rawValue: cla) }

  /// The header without the data: what may outlive the octets.
  public var header: CommandHeader {
    CommandHeader(cla: cla, ins: ins, p1: p1, p2: p2, le: le, isExtended: isExtended)
  }
}

/// All of a command but its data: a value that may be kept while the data is worked on in place.
public struct CommandHeader: Hashable, Sendable {
  /// Class; see ``ClassByte``.
  public var cla: UInt8
  /// Instruction.
  public var ins: UInt8
  /// First parameter.
  public var p1: UInt8
  /// Second parameter.
  public var p2: UInt8
  /// The most octets expected in the response's data field, 1 to 65,536; `nil` when none are expected.
  public var le: Int?
  /// Whether Lc and Le are coded as extended length fields.
  public var isExtended: Bool

  /// A header.
  public init(cla: UInt8, ins: UInt8, p1: UInt8, p2: UInt8, le: Int? = nil, isExtended: Bool = false) {
    self.cla = cla
    self.ins = ins
    self.p1 = p1
    self.p2 = p2
    self.le = le
    self.isExtended = isExtended
  }

  /// The class octet, decoded.
  public var classByte: ClassByte { ClassByte(rawValue: cla) }
}
