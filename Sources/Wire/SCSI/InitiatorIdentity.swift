/// Who an initiator is, across connections: the TransportID of its port (SPC-4, 7.6.4).
///
/// PERSISTENT RESERVE keeps registrations by it, so that an initiator that comes back finds its own.
public struct InitiatorIdentity: Hashable, Sendable {
  /// The most octets of an iSCSI name (RFC 7143, 4.2.7.1).
  public static let maximumNameOctets = 223

  /// The TransportID: 24 octets or more, a multiple of 4.
  public let transportID: [UInt8]

  /// An identity with this TransportID; `nil` unless its length is one that a TransportID can have.
  public init?(transportID: [UInt8]) {
    guard (24...256).contains(transportID.count), transportID.count % 4 == 0 else { return nil }
    self.transportID = transportID
  }

  /// An iSCSI initiator port (SPC-4, 7.6.4.6): the name without a NUL at its end, at most 223 octets, and the ISID's 6 octets.
  ///
  /// `nil` for an empty or longer name, one with a NUL in it, or another number of octets.
  public init?(iSCSIName name: [UInt8], isid: [UInt8]) {
    guard (1...InitiatorIdentity.maximumNameOctets).contains(name.count), isid.count == 6, !name.contains(0) else {
      return nil
    }
    var text = name
    for octet in [0x2C, 0x69, 0x2C, 0x30, 0x78] as [UInt8] { text.append(octet) }  // ",i,0x"
    for octet in isid {
      text.append(InitiatorIdentity.digit(octet >> 4))
      text.append(InitiatorIdentity.digit(octet & 15))
    }
    text.append(0)
    while text.count % 4 != 0 || text.count < 20 { text.append(0) }
    // Format 01b, protocol identifier 5h; then the length of the text with its padding.
    transportID = [0x45, 0x00, UInt8(text.count >> 8), UInt8(text.count & 0xFF)] + text
  }

  /// An initiator in the same process, which no transport names: protocol identifier Fh and a number.
  public init(local number: UInt32) {
    var octets = [UInt8](repeating: 0, count: 24)
    octets[0] = 0x0F
    for index in 0..<4 { octets[20 + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index)) }
    transportID = octets
  }

  private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x57 + nibble }
}
