import Identifiers
import ISO7816
import Octets

/// Builders of the command APDUs that hosts and centres send to a card; `docs/card-protocol.md` has the table.
///
/// They are plain, as before any secure channel wraps them.
extension CommandAPDU {
  /// SELECT by AID (ISO/IEC 7816-4, 11.2.2).
  public static func select(applicationID: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .select, p1: 0x04, data: applicationID, le: 256)
  }

  /// SELECT of a carried file by its id (P24).
  public static func select(file: UInt16) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .select, p1: 0x02, p2: 0x0C, data: [UInt8(file >> 8), UInt8(file & 0xFF)])
  }

  /// GET DATA of one object (ISO/IEC 7816-4, 11.4.3). The answer may come in pieces (61xx).
  public static func getData(_ tag: DataTag) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .getData, p1: UInt8(tag.rawValue >> 8), p2: UInt8(tag.rawValue & 0xFF), le: 256)
  }

  /// GET RESPONSE for `count` (1...256) octets that a 61xx announced.
  public static func getResponse(_ count: Int) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .getResponse, le: count)
  }

  /// GET CHALLENGE for `count` (8...32) octets.
  public static func getChallenge(_ count: Int) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .getChallenge, le: count)
  }

  /// INTERNAL AUTHENTICATE: the card signs ``SignedStructure/internalAuthenticate``.
  public static func internalAuthenticate(challenge: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .internalAuthenticate, data: challenge, le: 256)
  }

  /// PSO: COMPUTE DIGITAL SIGNATURE over a SHA-256 digest, with the signature key.
  public static func computeSignature(digest: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .performSecurityOperation, p1: 0x9E, p2: 0x9A, data: digest, le: 256)
  }

  /// PSO: VERIFY DIGITAL SIGNATURE of the centre over a SHA-256 digest.
  public static func verifySignature(digest: [UInt8], signature: [UInt8]) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, instruction: .performSecurityOperation, p1: 0x00, p2: 0xA8,
      data: BERTLV.encode(tag: 0x9A, value: digest) + BERTLV.encode(tag: 0x9E, value: signature))
  }

  /// READ BINARY of up to `count` octets of the selected file from `offset` (below 32,768).
  public static func readBinary(offset: UInt16, count: Int) -> CommandAPDU {
    CommandAPDU(
      cla: 0x00, instruction: .readBinary, p1: UInt8(offset >> 8) & 0x7F, p2: UInt8(offset & 0xFF), le: count)
  }

  /// UPDATE BINARY: the next octets of the selected file.
  public static func updateBinary(offset: UInt16, data: [UInt8]) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .updateBinary, p1: UInt8(offset >> 8) & 0x7F, p2: UInt8(offset & 0xFF), data: data)
  }
}

/// Commands about the PIN; each value is 8 octets, padded with FF (``CardProtocol/pinOctets``).
extension CommandAPDU {
  /// VERIFY; without a value it asks how many tries are left.
  public static func verify(_ reference: ReferenceData, value: [UInt8] = []) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .verify, p2: reference.rawValue, data: value)
  }

  /// CHANGE REFERENCE DATA.
  public static func change(_ reference: ReferenceData, from old: [UInt8], to new: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .changeReferenceData, p2: reference.rawValue, data: old + new)
  }

  /// RESET RETRY COUNTER: the PUK and a new PIN.
  public static func unblock(puk: [UInt8], newPIN: [UInt8]) -> CommandAPDU {
    CommandAPDU(cla: 0x00, instruction: .resetRetryCounter, p2: ReferenceData.pin.rawValue, data: puk + newPIN)
  }
}

/// Administration, inside a secure channel.
extension CommandAPDU {
  /// One key on its way to PUT KEY, already encrypted under the data-encryption key.
  public struct EncryptedKey: Sendable {
    /// Length of the plain key: 16, 24 or 32 octets.
    public var keyOctets: UInt8
    /// The key, padded to whole blocks and encrypted (Amendment D, 6.2.8).
    public var ciphertext: [UInt8]
    /// Key check value: the first 3 octets of AES over sixteen octets 01.
    public var checkValue: [UInt8]

    /// A key with its check value.
    public init(keyOctets: UInt8, ciphertext: [UInt8], checkValue: [UInt8]) {
      self.keyOctets = keyOctets
      self.ciphertext = ciphertext
      self.checkValue = checkValue
    }
  }

  /// PUT KEY (Amendment D, 7.2): `keys` is one key, or the three of an SCP03 set in the order ENC, MAC, DEK.
  public static func putKey(version: UInt8, replacing old: UInt8 = 0, _ keys: [EncryptedKey]) -> CommandAPDU {
    var data = [version]
    for key in keys {
      data += [0x88, UInt8(truncatingIfNeeded: 1 + key.ciphertext.count), key.keyOctets]
      data += key.ciphertext
      data += [UInt8(truncatingIfNeeded: key.checkValue.count)]
      data += key.checkValue
    }
    let identifier: UInt8 = keys.count > 1 ? 0x81 : 0x01
    return CommandAPDU(cla: 0x80, instruction: .putKey, p1: old, p2: identifier, data: data, le: 256)
  }

  /// STORE DATA: `objects`, a sequence of BER-TLV objects, cut into blocks of at most `blockOctets`.
  ///
  /// - Throws: ``OctetError/full`` when 256 blocks do not hold it.
  public static func storeData(_ objects: [UInt8], blockOctets: Int) throws(OctetError) -> [CommandAPDU] {
    guard blockOctets > 0, objects.count <= 256 * blockOctets else { throw .full }
    var commands: [CommandAPDU] = []
    var start = 0
    repeat {
      let end = min(start + blockOctets, objects.count)
      let isLast = end == objects.count
      commands.append(
        .storeData(block: Array(objects[start..<end]), number: UInt8(commands.count), isLast: isLast))
      start = end
    } while start < objects.count
    return commands
  }

  /// One block of STORE DATA, for a sender that keeps the objects out of arrays; `number` counts from 0.
  public static func storeData(block: [UInt8], number: UInt8, isLast: Bool) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .storeData, p1: isLast ? 0x90 : 0x10, p2: number, data: block, le: isLast ? 256 : nil)
  }

  /// Which of the card's two key pairs.
  public enum KeyPair: UInt8, Sendable, CaseIterable {
    /// Signs only structures that the card builds itself.
    case authentication = 0xA4
    /// Signs hashes from the host.
    case signature = 0xB6
  }

  /// GENERATE ASYMMETRIC KEY PAIR, or reading the public half of the one there is.
  public static func generateKeyPair(_ pair: KeyPair, readOnly: Bool = false) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .generateAsymmetricKeyPair, p1: readOnly ? 0x81 : 0x80, data: [pair.rawValue, 0x00],
      le: 256)
  }

  /// SET STATUS of the card; the serial says that the right one is meant.
  public static func setStatus(_ state: LifeCycle, serial: CardSerial) -> CommandAPDU {
    CommandAPDU(cla: 0x80, instruction: .setStatus, p1: 0x80, p2: state.rawValue, data: serial.octets)
  }

  /// DELETE of a key set or generation key (GlobalPlatform 2.3.1, 11.2.2.3.2).
  public static func deleteKey(version: UInt8) -> CommandAPDU {
    CommandAPDU(cla: 0x80, instruction: .delete, data: [0xD2, 0x01, version])
  }

  /// Which kinds of entries GET STATUS asks for; sums are allowed.
  public struct RegistryElements: OptionSet, Sendable {
    /// P1.
    public let rawValue: UInt8

    /// The kinds of this P1.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The issuer security domain.
    public static let issuerDomain = RegistryElements(rawValue: 0x80)
    /// Applications.
    public static let applications = RegistryElements(rawValue: 0x40)
    /// Load files, without their modules.
    public static let loadFiles = RegistryElements(rawValue: 0x20)
    /// Load files with their modules.
    public static let loadFilesAndModules = RegistryElements(rawValue: 0x10)
  }

  /// GET STATUS (GlobalPlatform 2.3.1, 11.4) in the BER-TLV form, of entries whose AID begins with `prefix`.
  public static func getStatus(
    _ elements: RegistryElements, prefix: [UInt8] = [], isContinued: Bool = false
  ) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .getStatus, p1: elements.rawValue, p2: isContinued ? 0x03 : 0x02,
      data: BERTLV.encode(tag: 0x4F, value: prefix), le: 256)
  }

  /// SET STATUS of the Warifu application: locked, it can be neither selected nor used.
  public static func setApplicationLock(_ isLocked: Bool) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .setStatus, p1: 0x40, p2: isLocked ? 0x80 : 0x00, data: CardProtocol.applicationID)
  }

  /// DELETE of a code that is spent or expired, to make room.
  public static func deleteCode(index: UInt16) -> CommandAPDU {
    CommandAPDU(cla: 0x80, instruction: .delete, data: [0x80, 0x02, UInt8(index >> 8), UInt8(index & 0xFF)])
  }
}

/// The application's own commands.
extension CommandAPDU {
  /// HAND OVER CODE (P3).
  public static func handOverCode(index: UInt16) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .handOverCode, p1: UInt8(index >> 8), p2: UInt8(index & 0xFF), le: 256)
  }

  /// What USE KEY does.
  public enum KeyUse: UInt8, Sendable {
    /// Wraps a key.
    case wrap = 0x00
    /// Unwraps a wrapped key.
    case unwrap = 0x01
  }

  /// Which key USE KEY takes (P12, P13).
  public enum KeyLevel: UInt8, Sendable {
    /// Made from generation key and code.
    case right = 0x00
    /// Made from the right key and an ID.
    case message = 0x01
  }

  /// USE KEY (P22, P24): wraps or unwraps `key` (RFC 3394) under a key derived from the code at `index`.
  public static func useKey(
    _ use: KeyUse, level: KeyLevel, codeIndex index: UInt16, messageID: [UInt8], key: [UInt8]
  ) -> CommandAPDU {
    let data =
      BERTLV.encode(tag: 0x80, value: [UInt8(index >> 8), UInt8(index & 0xFF)])
      + BERTLV.encode(tag: 0x83, value: messageID) + BERTLV.encode(tag: 0x84, value: key)
    return CommandAPDU(
      cla: 0x80, instruction: .useKey, p1: use.rawValue, p2: level.rawValue, data: data, le: 256)
  }

  /// USE KEY under a code that another purchaser told, whose card has the same generation key (P12, P22). A code that is on
  /// this card is used as if named by its index.
  public static func useKey(
    _ use: KeyUse, level: KeyLevel, generationKey: UInt8, code: [UInt8], messageID: [UInt8], key: [UInt8]
  ) -> CommandAPDU {
    let data =
      BERTLV.encode(tag: 0x81, value: [generationKey] + code) + BERTLV.encode(tag: 0x83, value: messageID)
      + BERTLV.encode(tag: 0x84, value: key)
    return CommandAPDU(
      cla: 0x80, instruction: .useKey, p1: use.rawValue, p2: level.rawValue, data: data, le: 256)
  }

  /// P2 of USE KEY under a key that two cards share.
  public static let sharedKeyLevel: UInt8 = 0x02

  /// USE KEY under K3 (P18): `wrapped` is K3 as the seller wrapped it for this card, as key `number` with the card `peer`.
  public static func useSharedKey(
    _ use: KeyUse, wrapped: [UInt8], peer: CardSerial, number: UInt32, key: [UInt8]
  ) -> CommandAPDU {
    let numberOctets = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    let data =
      BERTLV.encode(tag: 0x82, value: peer.octets + numberOctets) + BERTLV.encode(tag: 0x85, value: wrapped)
      + BERTLV.encode(tag: 0x84, value: key)
    return CommandAPDU(
      cla: 0x80, instruction: .useKey, p1: use.rawValue, p2: sharedKeyLevel, data: data, le: 256)
  }

  /// CERTIFY COPY (M7): the card unwraps KEYc, recomputes CS and compares; with `wrappedContentKey` it then answers Kd
  /// (M10). `driveSignature` is the drive's over the channel's challenge and the medium id, where the terms ask for it.
  public static func certifyCopy(
    softwareID: SoftwareID, mediumID: MediumID, terms: [UInt8], wrappedCertificationKey: [UInt8],
    certificateCode: [UInt8], wrappedContentKey: [UInt8]? = nil, driveSignature: [UInt8]? = nil
  ) -> CommandAPDU {
    var data = BERTLV.encode(tag: 0x80, value: softwareID.octets)
    data += BERTLV.encode(tag: 0x81, value: mediumID.octets)
    data += BERTLV.encode(tag: 0x82, value: terms)
    data += BERTLV.encode(tag: 0x83, value: wrappedCertificationKey)
    data += BERTLV.encode(tag: 0x84, value: certificateCode)
    if let wrappedContentKey { data += BERTLV.encode(tag: 0x85, value: wrappedContentKey) }
    if let driveSignature { data += BERTLV.encode(tag: 0x9E, value: driveSignature) }
    return CommandAPDU(
      cla: 0x80, instruction: .certifyCopy, p1: wrappedContentKey == nil ? 0x00 : 0x01, data: data,
      le: wrappedContentKey == nil ? nil : 256)
  }

  /// OPEN CONVERSION KEYS to run a copy (M15): the card answers Ku, 32 octets.
  public static func openConversionKey(mediumID: MediumID, wrappedMediumKey: [UInt8]) -> CommandAPDU {
    let data =
      BERTLV.encode(tag: 0x81, value: mediumID.octets) + BERTLV.encode(tag: 0x86, value: wrappedMediumKey)
    return CommandAPDU(cla: 0x80, instruction: .openConversionKeys, data: data, le: 256)
  }

  /// OPEN CONVERSION KEYS to make a copy (M13, M14): the card answers Ku ‖ Ka, 64 octets.
  public static func openConversionKeys(
    softwareID: SoftwareID, mediumID: MediumID, wrappedMediumKey: [UInt8], wrappedMasterKey: [UInt8]
  ) -> CommandAPDU {
    let data =
      BERTLV.encode(tag: 0x80, value: softwareID.octets) + BERTLV.encode(tag: 0x81, value: mediumID.octets)
      + BERTLV.encode(tag: 0x86, value: wrappedMediumKey) + BERTLV.encode(tag: 0x87, value: wrappedMasterKey)
    return CommandAPDU(cla: 0x80, instruction: .openConversionKeys, p1: 0x01, data: data, le: 256)
  }

  /// SET TIME: seconds since 1970 and the centre's signature over ``SignedStructure/time``.
  public static func setTime(_ time: UInt64, signature: [UInt8]) -> CommandAPDU {
    let octets = (0..<8).map { UInt8(truncatingIfNeeded: time >> (56 - 8 * $0)) }
    return CommandAPDU(cla: 0x80, instruction: .setTime, data: octets + signature)
  }

  /// LIST CODES from an index on.
  public static func listCodes(from index: UInt16) -> CommandAPDU {
    CommandAPDU(
      cla: 0x80, instruction: .listCodes, p1: UInt8(index >> 8), p2: UInt8(index & 0xFF), le: 256)
  }

  fileprivate init(
    cla: UInt8, instruction: Instruction, p1: UInt8 = 0, p2: UInt8 = 0, data: [UInt8] = [], le: Int? = nil
  ) {
    self.init(cla: cla, ins: instruction.rawValue, p1: p1, p2: p2, data: data, le: le)
  }
}
