import ISO7816
import Octets

/// Mutual authentication, and the keys that security operations take.
extension CommandAPDU {
  /// EXTERNAL AUTHENTICATE (ISO/IEC 7816-4, 11.5.4): the centre's signature over
  /// ``SignedStructure/externalAuthenticate`` with the channel's last challenge.
  public static func externalAuthenticate(signature: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, ins: Instruction.externalAuthenticate.rawValue, data: signature)
  }

  /// MANAGE SECURITY ENVIRONMENT: SET for mutual authentication. From here on the card answers INTERNAL AUTHENTICATE only
  /// to a centre that has proved itself on this channel (C9).
  public static func setMutualAuthentication() -> CommandAPDU {
    manageSecurityEnvironment(
      p1: 0xC1, p2: 0xA4,
      BERTLV.encode(tag: 0x84, value: [KeyPair.authentication.rawValue])
        + BERTLV.encode(tag: 0x83, value: [KeyReference.centerVerification]))
  }

  /// MANAGE SECURITY ENVIRONMENT: SET of the key that PSO: ENCIPHER (wrap), DECIPHER (unwrap), or with `nil` both take
  /// (P22, P24); without an ID the one charged beside the code.
  public static func setCipherKey(
    _ use: KeyUse?, level: KeyLevel, codeIndex index: UInt16, messageID: [UInt8] = []
  ) -> CommandAPDU {
    let purpose: UInt8 =
      switch use {
      case .unwrap: 0x41
      case .wrap: 0x81
      case nil: 0xC1
      }
    let reference = BERTLV.encode(tag: 0x83, value: [level.rawValue, UInt8(index >> 8), UInt8(index & 0xFF)])
    return manageSecurityEnvironment(
      p1: purpose, p2: 0xB8,
      messageID.isEmpty ? reference : reference + BERTLV.encode(tag: 0x94, value: messageID))
  }

  /// MANAGE SECURITY ENVIRONMENT: RESTORE of the environment that every channel begins with.
  public static func restoreSecurityEnvironment() -> CommandAPDU {
    manageSecurityEnvironment(p1: 0xF3, p2: 0x01, [])
  }

  /// PSO: ENCIPHER of a key (16, 24 or 32 octets) under the key that the environment names (RFC 3394).
  public static func encipher(key: [UInt8]) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, ins: Instruction.performSecurityOperation.rawValue, p1: 0x86, p2: 0x80, data: key, le: 256)
  }

  /// PSO: DECIPHER of what ENCIPHER answered: padding-content indicator 80 ‖ wrapped key.
  public static func decipher(cryptogram: [UInt8]) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, ins: Instruction.performSecurityOperation.rawValue, p1: 0x80, p2: 0x86, data: cryptogram, le: 256)
  }

  /// PSO: VERIFY CERTIFICATE (ISO/IEC 7816-8, 5.5): shows the card that the centre vouches for a drive's key.
  ///
  /// - Parameter certificate: a ``CardVerifiableCertificate``; `nil` is answered for what is none.
  public static func verifyCertificate(_ certificate: [UInt8]) -> CommandAPDU? {
    var reader = TLVReader(certificate.span.bytes)
    guard let element = try? reader.next(), element.tag == 0x7F21, reader.isAtEnd else { return nil }
    return CommandAPDU(
      cla: 0x00, ins: Instruction.performSecurityOperation.rawValue, p1: 0x00, p2: 0xBE, data: element.value.octets)
  }

  private static func manageSecurityEnvironment(p1: UInt8, p2: UInt8, _ template: [UInt8]) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, ins: Instruction.manageSecurityEnvironment.rawValue, p1: p1, p2: p2, data: template)
  }
}
