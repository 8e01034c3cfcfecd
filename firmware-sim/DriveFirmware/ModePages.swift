import Octets
import SCSI

/// The mode pages there are (SPC-4, 7.5; SBC-3, 6.4; SCSI-2, 16.3.3 for those of optical memories).
enum ModePage: UInt8, CaseIterable {
  /// Read-write error recovery: whether what was put right is reported (PER).
  case errorRecovery = 0x01
  /// Disconnect-reconnect.
  case disconnectReconnect = 0x02
  /// Optical memory.
  case opticalMemory = 0x06
  /// Caching: whether what is written is lasting only after SYNCHRONIZE CACHE (WCE).
  case caching = 0x08
  /// Control: whether writing is forbidden (SWP).
  case control = 0x0A
  /// Medium types supported.
  case mediumTypes = 0x0B
  /// Power condition: the drive goes by no timers.
  case powerCondition = 0x1A

  /// Octets of the page with its code and length.
  var octetCount: Int {
    switch self {
    case .errorRecovery, .control: 12
    case .disconnectReconnect: 16
    case .opticalMemory: 4
    case .caching: 20
    case .mediumTypes: 8
    case .powerCondition: 40
    }
  }

  /// The only octet that can be changed, with the bits that can; `nil` for a page without such.
  fileprivate var changeable: (offset: Int, bits: UInt8)? {
    switch self {
    case .errorRecovery: (2, 0x04)
    case .caching: (2, 0x04)
    case .control: (4, 0x08)
    default: nil
    }
  }
}

/// The values of the mode pages.
///
/// Three bits can be changed; all else is as it is. Nothing is saved.
struct ModePages: Equatable {
  /// Whether recovered errors are reported (PER).
  private(set) var reportsRecoveredErrors = false
  /// Whether writes may be lasting only after SYNCHRONIZE CACHE (WCE).
  private(set) var isCaching: Bool
  /// Whether writing is forbidden (SWP).
  private(set) var isWriteProtected = false

  private let isCachingByDefault: Bool

  /// The values after power on.
  init(isCaching: Bool) {
    self.isCaching = isCaching
    isCachingByDefault = isCaching
  }

  /// A page as MODE SENSE gives it.
  func octets(of page: ModePage, _ values: DriveCommand.ModeSense.Control) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: page.octetCount)
    if values == .changeable {
      if let (offset, bits) = page.changeable { octets[offset] = bits }
    } else {
      let source = values == .current ? self : ModePages(isCaching: isCachingByDefault)
      source.fill(&octets, of: page)
    }
    octets[0] = page.rawValue
    octets[1] = UInt8(page.octetCount - 2)
    return octets
  }

  private func fill(_ octets: inout [UInt8], of page: ModePage) {
    switch page {
    case .errorRecovery:
      octets[2] = 0xC0 | (reportsRecoveredErrors ? 0x04 : 0)  // AWRE, ARRE: sectors are replaced without asking
      octets[3] = 8  // tries to read
      octets[8] = 8  // tries to write
    case .caching: octets[2] = isCaching ? 0x04 : 0
    case .control:
      octets[2] = 0x02  // GLTSD
      octets[3] = 0x10  // commands may be executed in any order
      octets[4] = isWriteProtected ? 0x08 : 0
      octets[8] = 0xFF  // the drive may be busy for as long as it takes
      octets[9] = 0xFF
    case .mediumTypes:
      octets[4] = MediumProfile.rewritable.rawValue
      octets[5] = MediumProfile.partlyEmbossed.rawValue
    case .disconnectReconnect, .opticalMemory, .powerCondition: break
    }
  }

  /// The values with a page of MODE SELECT put into force. `octets` has the page's length; the PS bit has been dropped.
  ///
  /// - Throws: the offset of an octet that would change what cannot be changed.
  func setting(_ page: ModePage, to octets: RawSpan) throws(UnchangeableOctet) -> ModePages {
    let current = self.octets(of: page, .current)
    let changeable = page.changeable
    for offset in 2..<page.octetCount {
      let mask = changeable?.offset == offset ? changeable?.bits ?? 0 : 0
      guard (octets[octet: offset] ^ current[offset]) & ~mask == 0 else { throw UnchangeableOctet(offset: offset) }
    }
    guard let (offset, bits) = changeable else { return self }
    let isSet = octets[octet: offset] & bits != 0
    var pages = self
    switch page {
    case .errorRecovery: pages.reportsRecoveredErrors = isSet
    case .caching: pages.isCaching = isSet
    case .control: pages.isWriteProtected = isSet
    default: break
    }
    return pages
  }

  /// Where a MODE SELECT would change what cannot be changed.
  struct UnchangeableOctet: Error {
    let offset: Int
  }
}
