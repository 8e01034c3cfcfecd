import CardProtocol

/// Names of data objects, for people who read a trace.
enum TagName {
  /// What GET DATA answers for a tag; all of these objects are public. `nil` for one that is unknown here.
  static func ofDataObject(_ tag: UInt16) -> String? {
    switch DataTag(rawValue: tag) {
    case .issuerIdentificationNumber: "issuer identification number"
    case .cardImageNumber: "card image number"
    case .cardRecognitionData: "card recognition data"
    case .keyInformation: "key information"
    case .productionLifeCycle: "production life cycle data"
    case .applicationStatus: "application status"
    case .authenticationPublicKey: "authentication public key"
    case .signaturePublicKey: "signature public key"
    case .authenticationCertificate: "authentication certificate"
    case .signatureCertificate: "signature certificate"
    case .issuerCertificate: "issuer certificate"
    case .licenseCertificate: "licence certificate"
    case .centerVerificationKey: "centre's verification key"
    case .chargeReceipt: "charge receipt"
    default: ofStandardObject(tag)
    }
  }

  /// Objects of GlobalPlatform (2.3.1, H.2 and H.3) that this driver does not ask for.
  private static func ofStandardObject(_ tag: UInt16) -> String? {
    switch tag {
    case 0x004F: "application identifier"
    case 0x00C1: "sequence counter"
    default: nil
    }
  }

  /// A tag inside an answer: those of SELECT's file control information and of card recognition data.
  static func inAnswer(_ tag: UInt32) -> String? {
    switch tag {
    case 0x6F: "file control information"
    case 0x62: "file control parameters"
    case 0x84: "application identifier"
    case 0xA5: "proprietary data"
    case 0x9F65: "longest command data"
    case 0x9F6E: "production life cycle data"
    case 0x66: "card data"
    case 0x73: "card recognition data"
    case 0xE0: "key information"
    case 0xC0: "key"
    case 0x43: "card service data"
    case 0x47: "card capabilities"
    case 0x7F66: "longest APDUs"
    default: UInt16(exactly: tag).flatMap(ofDataObject)
    }
  }
}
