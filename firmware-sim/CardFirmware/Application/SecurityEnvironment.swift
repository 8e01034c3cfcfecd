import CardProtocol
import ISO7816
import Octets

/// Which keys the security commands of one logical channel take (ISO/IEC 7816-4, 10.3).
///
/// The default is environment 01, which RESTORE brings back. A new one is this one too: the card has one key pair for
/// each use, and the centre's key; only a code's key has to be named.
struct SecurityEnvironment {
  /// Whether INTERNAL AUTHENTICATE wants the centre authenticated first.
  var isMutual = false
  /// The key that PSO: ENCIPHER takes.
  var encipherment: CodeKey?
  /// The key that PSO: DECIPHER takes.
  var decipherment: CodeKey?
}

/// A key made from a code (the "secret key of a code"), by its name; never the key.
struct CodeKey {
  /// Right or message key.
  var level: CommandAPDU.KeyLevel
  /// The code.
  var codeIndex: UInt16
  /// The ID that makes the message key.
  var messageID = InlineArray<32, UInt8>(repeating: 0)
  /// Its length; 0 for the one charged beside the code.
  var messageIDOctets = 0

  /// Reads a confidentiality template: `83` level (1) ‖ code index (2), and perhaps `94` ID.
  init(_ template: RawSpan) throws(OctetError) {
    var reader = TLVReader(template)
    let reference = try reader.next()
    guard reference.tag == 0x83, reference.value.byteCount == 3,
      let level = CommandAPDU.KeyLevel(rawValue: reference.value[octet: 0])
    else { throw .invalid }
    self.level = level
    codeIndex = UInt16(reference.value[octet: 1]) << 8 | UInt16(reference.value[octet: 2])
    guard !reader.isAtEnd else { return }
    let identifier = try reader.next()
    guard identifier.tag == 0x94, identifier.value.byteCount <= CardProtocol.messageIDOctets, reader.isAtEnd else {
      throw .invalid
    }
    messageIDOctets = identifier.value.byteCount
    for index in 0..<messageIDOctets { messageID[index] = identifier.value[octet: index] }
  }
}
