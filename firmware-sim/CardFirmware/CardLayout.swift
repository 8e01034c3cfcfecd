import CardProtocol

/// Where each thing lies in the card's store. The numbers are part of every state file: never reuse one.
enum CardLayout {
  /// ``ProductionData``.
  static let production = StoreKey(rawValue: 0x0001)
  /// Life-cycle state, 1 octet.
  static let lifeCycle = StoreKey(rawValue: 0x0002)
  /// The individual key, 32 octets.
  static let individualKey = StoreKey(rawValue: 0x0003)
  /// Charge counter (4) ‖ codes ever charged (4).
  static let chargeCounter = StoreKey(rawValue: 0x0010)
  /// The last ``ChargeReceipt`` as encoded.
  static let chargeReceipt = StoreKey(rawValue: 0x0011)
  /// Last known time, seconds since 1970 (8).
  static let time = StoreKey(rawValue: 0x0012)

  /// State of the Warifu application, 1 octet; without it the application is SELECTABLE.
  static let applicationState = StoreKey(rawValue: 0x0004)

  /// There while a terminated card's secrets may still be in the flash, removed but not erased; 1 octet.
  static let unscrubbed = StoreKey(rawValue: 0x0005)

  /// An SCP03 key set: key length (1) ‖ ENC ‖ MAC ‖ DEK.
  static func keySet(_ version: UInt8) -> StoreKey { StoreKey(rawValue: 0x0100 + UInt16(version)) }

  /// Generation key `number` (1...16), 32 octets.
  static func generationKey(_ number: UInt8) -> StoreKey { StoreKey(rawValue: 0x0200 + UInt16(number)) }

  /// Value of a PIN or PUK, 8 octets.
  static func referenceValue(_ reference: ReferenceData) -> StoreKey {
    StoreKey(rawValue: 0x0300 + UInt16(reference.rawValue))
  }

  /// Tries left of a PIN or PUK, 1 octet. Apart from the value, because every VERIFY writes it twice.
  static func referenceTries(_ reference: ReferenceData) -> StoreKey {
    StoreKey(rawValue: 0x0400 + UInt16(reference.rawValue))
  }

  /// A key pair: private scalar (32) ‖ public point (65).
  static func keyPair(_ pair: UInt8) -> StoreKey { StoreKey(rawValue: 0x0500 + UInt16(pair)) }

  /// A data object that STORE DATA sets once, by the low octet of its tag.
  static func object(_ tag: DataTag) -> StoreKey { StoreKey(rawValue: 0x0600 + (tag.rawValue & 0xFF)) }

  /// Head of a carried file in slot 0...15: id (2) ‖ size (4) ‖ written (4) ‖ name (1 to 32).
  static func fileHead(_ slot: UInt16) -> StoreKey { StoreKey(rawValue: 0x0700 + slot) }

  /// How many carried files fit.
  static let fileSlots: UInt16 = 16

  /// Sequence counter of a key set (3 octets), on cards whose challenges are pseudo-random; none stands for 0.
  static func sequenceCounter(_ version: UInt8) -> StoreKey { StoreKey(rawValue: 0x0800 + UInt16(version)) }

  /// Every SCP03 key set that is stored; set 1 is derived.
  static let keySets: ClosedRange<UInt16> = 0x0102...0x01FF
  /// Every generation key.
  static let generationKeys: ClosedRange<UInt16> = 0x0201...0x0210
  /// Everything secret on a card but its codes: individual key, key sets, generation keys, PIN and PUK, key
  /// pairs.
  static let secrets: InlineArray<5, ClosedRange<UInt16>> = [
    0x0003...0x0003, keySets, generationKeys, 0x0300...0x03FF, 0x0500...0x05FF,
  ]

  /// A code: state (1) ‖ its record as charged.
  static func code(_ index: UInt16) -> StoreKey { StoreKey(rawValue: 0x1000 + index) }

  /// The most codes a profile may allow.
  static let codeSlots: UInt16 = 1_024

  /// Digests of codes that were deleted, in pieces of ``deletedCodePieceOctets``.
  static func deletedCodes(_ piece: UInt16) -> StoreKey { StoreKey(rawValue: 0x2000 + piece) }

  /// The most such pieces.
  static let deletedCodePieces: UInt16 = 256
  /// Octets in a whole piece of such digests.
  static let deletedCodePieceOctets = 512

  /// A piece of a carried file, ``filePieceOctets`` long but for the last.
  static func filePiece(slot: UInt16, piece: UInt16) -> StoreKey { StoreKey(rawValue: 0x4000 + slot << 8 + piece) }

  /// Octets in a whole piece of a carried file.
  static let filePieceOctets = 512
}
