/// Numbers that the card's firmware and its callers agree on. `docs/card-protocol.md` tells what each command does.
public enum CardProtocol {
  /// Application identifier of the Warifu application: a proprietary one (ISO/IEC 7816-5, category F), `F0 "WARIFU" 01`.
  public static let applicationID: [UInt8] = [0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x01]
  /// Application identifier of the issuer security domain (GlobalPlatform 2.3.1, H.1.3).
  public static let issuerDomainID: [UInt8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]
  /// Octets of a PIN or PUK as sent: 4 to 8 characters, padded with FF.
  public static let pinOctets = 8
  /// Octets of a retrieval code in binary: 80 bits.
  public static let codeOctets = 10
  /// The highest number of a secret-key-generation key; the lowest is 1.
  public static let generationKeyCount: UInt8 = 16
  /// The most octets of the ID beside a code, or given with a message key.
  public static let messageIDOctets = 32
}

/// Instruction octets (INS) that the card knows.
public enum Instruction: UInt8, Sendable, CaseIterable {
  /// Proprietary, CLA 80: hand over a retrieval code (P3).
  case handOverCode = 0x10
  /// Proprietary, CLA 80: wrap or unwrap a key under a right or message key (P12, P22, P24).
  case useKey = 0x12
  /// Proprietary, CLA 80: compare a certificate code, and on P1 = 01 release the content key (M7, M10).
  case certifyCopy = 0x14
  /// Proprietary, CLA 80: open the conversion keys of the second way of copying (M12, M13).
  case openConversionKeys = 0x16
  /// Proprietary, CLA 80: take the centre's signed time (P8).
  case setTime = 0x18
  /// Proprietary, CLA 80: read the states of the codes, never the codes.
  case listCodes = 0x1C
  /// ISO/IEC 7816-4.
  case verify = 0x20
  /// ISO/IEC 7816-4.
  case manageSecurityEnvironment = 0x22
  /// ISO/IEC 7816-4.
  case changeReferenceData = 0x24
  /// ISO/IEC 7816-8: PERFORM SECURITY OPERATION.
  case performSecurityOperation = 0x2A
  /// ISO/IEC 7816-4.
  case resetRetryCounter = 0x2C
  /// ISO/IEC 7816-8.
  case generateAsymmetricKeyPair = 0x47
  /// GlobalPlatform 2.3.1 / Amendment D.
  case initializeUpdate = 0x50
  /// ISO/IEC 7816-4.
  case manageChannel = 0x70
  /// GlobalPlatform (CLA 84) and ISO/IEC 7816-4 (CLA 00).
  case externalAuthenticate = 0x82
  /// ISO/IEC 7816-4.
  case getChallenge = 0x84
  /// ISO/IEC 7816-4.
  case internalAuthenticate = 0x88
  /// ISO/IEC 7816-4.
  case select = 0xA4
  /// ISO/IEC 7816-4.
  case readBinary = 0xB0
  /// ISO/IEC 7816-4.
  case getResponse = 0xC0
  /// ISO/IEC 7816-4.
  case envelope = 0xC2
  /// ISO/IEC 7816-4 and GlobalPlatform.
  case getData = 0xCA
  /// ISO/IEC 7816-4.
  case updateBinary = 0xD6
  /// GlobalPlatform.
  case putKey = 0xD8
  /// GlobalPlatform.
  case storeData = 0xE2
  /// GlobalPlatform.
  case delete = 0xE4
  /// GlobalPlatform.
  case setStatus = 0xF0
  /// GlobalPlatform.
  case getStatus = 0xF2
}

/// Tags of data objects, for GET DATA (P1 P2) and STORE DATA.
public enum DataTag: UInt16, Sendable, CaseIterable {
  /// Issuer identification number.
  case issuerIdentificationNumber = 0x0042
  /// Card image number.
  case cardImageNumber = 0x0045
  /// AID of the issuer security domain.
  case issuerDomainID = 0x004F
  /// Card recognition data.
  case cardRecognitionData = 0x0066
  /// Sequence counter of the key set that sessions are opened with by default; only where challenges are pseudo-random.
  case sequenceCounter = 0x00C1
  /// Key information template.
  case keyInformation = 0x00E0
  /// Card production life cycle data.
  case productionLifeCycle = 0x9F7F
  /// Status of the application: see ``ApplicationStatus``.
  case applicationStatus = 0xDF20
  /// Public half of the card's authentication key, 65 octets.
  case authenticationPublicKey = 0xDF21
  /// Public half of the card's signature key, 65 octets.
  case signaturePublicKey = 0xDF22
  /// X.509 certificate (DER) of the authentication key.
  case authenticationCertificate = 0xDF23
  /// X.509 certificate (DER) of the signature key.
  case signatureCertificate = 0xDF24
  /// X.509 certificate (DER) of the centre's certification authority.
  case issuerCertificate = 0xDF25
  /// X.509 certificate (DER) of the key that signs the centre's licences.
  case licenseCertificate = 0xDF26
  /// The centre's P-256 key (65 octets) that signs times and is the default of PSO: VERIFY DIGITAL SIGNATURE.
  case centerVerificationKey = 0xDF27
  /// The last charge receipt.
  case chargeReceipt = 0xDF28
  /// STORE DATA only: a batch of retrieval codes.
  case chargeBatch = 0xDF30
  /// STORE DATA only: a new carried-software file (P24): file id (2), size (4), name (1 to 32).
  case createFile = 0xDF31
  /// STORE DATA only, once: PIN (8 octets) and PUK (8 octets).
  case referenceData = 0xDF32
}

/// Key version numbers of the card (GlobalPlatform 2.3.1, 11.8).
public enum KeyVersion {
  /// Key set 1, derived from the individual key; never replaceable.
  public static let individualSet: UInt8 = 0x01
  /// Further SCP03 key sets.
  public static let furtherSets: ClosedRange<UInt8> = 0x02...0x0F
  /// The transport key set of a blank card.
  public static let transportSet: UInt8 = 0x30
  /// The individual key itself.
  public static let individualKey: UInt8 = 0x40
  /// Generation key `number` (1...16) has this version plus `number`.
  public static let generationKeyBase: UInt8 = 0x50
  /// Generation keys 1 to 16.
  public static let generationKeys: ClosedRange<UInt8> = 0x51...0x60
  /// GlobalPlatform's public test key set, only on cards made with `--test-keys`.
  public static let testSet: UInt8 = 0xFF
}

/// Reference data numbers (P2 of VERIFY and its kin).
public enum ReferenceData: UInt8, Sendable {
  /// The holder's PIN.
  case pin = 0x81
  /// The key that unblocks it.
  case puk = 0x82
}

/// Key references in the templates of MANAGE SECURITY ENVIRONMENT: what is not a ``CommandAPDU/KeyPair``.
public enum KeyReference {
  /// The centre's verification key, ``DataTag/centerVerificationKey``.
  public static let centerVerification: UInt8 = 0x27
}

/// Life-cycle states of the card (GlobalPlatform 2.3.1, 5.1.1, coding in table 11-6).
public enum LifeCycle: UInt8, Sendable, CaseIterable {
  /// Made, with a transport key set.
  case operatingReady = 0x01
  /// Initial data on it.
  case initialized = 0x07
  /// Has its individual key; the normal state.
  case secured = 0x0F
  /// Locked by the issuer; can be unlocked.
  case cardLocked = 0x7F
  /// The end.
  case terminated = 0xFF
}

/// States of a retrieval code on a card: `charged → handedOver → spent | expired`.
public enum CodeState: UInt8, Sendable, CaseIterable {
  /// On the card, not yet given to anybody.
  case charged = 1
  /// Given to somebody; its message key stays usable until expiry or the use limit.
  case handedOver = 2
  /// Used up.
  case spent = 3
  /// Past its date.
  case expired = 4
}
