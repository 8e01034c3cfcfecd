import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// A Warifu card: the typed commands of its application that need no administrator.
///
/// Secrets go in and come out as ``Secret``s. A failed PIN is never tried again by itself.
public final class WarifuCard {
  /// The way to the card.
  public let connection: CardConnection

  /// Selects the application.
  ///
  /// - Throws: ``CardError``, with ``StatusWord/fileNotFound`` when the card is none of ours.
  public init(_ connection: CardConnection) throws(CardError) {
    self.connection = connection
    let response = try connection.select(
      applicationID: CardProtocol.applicationID, operation: "select the Warifu application")
    guard response.status == .ok || response.status == .selectedFileInvalidated else {
      throw CardError(
        response.status, operation: "select the Warifu application",
        remedy: response.status == .conditionsNotSatisfied
          ? "The card is at its end; ask its issuer for another one."
          : "This is no Warifu card; insert one, or name the right reader.")
    }
  }

  // MARK: What anybody may ask

  /// What the card says of itself.
  public func status() throws(CardError) -> ApplicationStatus {
    let octets = try connection.data(.getData(.applicationStatus), operation: "read the card's status")
    do { return try ApplicationStatus(octets.span.bytes) } catch { throw .unexpectedAnswer("read the card's status") }
  }

  /// A certificate, as X.509 DER.
  public func certificate(_ tag: DataTag) throws(CardError) -> [UInt8] {
    try connection.data(.getData(tag), operation: "read a certificate")
  }

  /// The receipt of the last charge; `nil` before the first.
  public func lastReceipt() throws(CardError) -> ChargeReceipt? {
    let operation = "read the charge receipt"
    let response = try connection.exchange(.getData(.chargeReceipt), operation: operation)
    if response.status == .referencedDataNotFound { return nil }
    guard response.status == .ok else { throw CardError(response.status, operation: operation) }
    do { return try ChargeReceipt(response.data.span.bytes) } catch { throw .unexpectedAnswer(operation) }
  }

  /// States of all codes.
  public func codes() throws(CardError) -> [CodeEntry] {
    let operation = "list the codes"
    var entries: [CodeEntry] = []
    var next: UInt16 = 0
    while true {
      let response = try connection.exchange(.listCodes(from: next), operation: operation)
      guard response.status == .ok || response.status == StatusWord(0x63, 0x10) else {
        throw CardError(response.status, operation: operation)
      }
      let page = try CodeEntry.parse(response.data, operation)
      entries += page
      guard response.status != .ok else { return entries }
      guard let last = page.last, last.index >= next, last.index < .max else { throw .unexpectedAnswer(operation) }
      next = last.index + 1
    }
  }

  /// Signs a challenge with the card's authentication key: proof that this card is here.
  public func authenticate(challenge: [UInt8]) throws(CardError) -> [UInt8] {
    try signature(.internalAuthenticate(challenge: challenge), operation: "authenticate the card")
  }

  /// Sends a command whose answer is a P-256 signature.
  func signature(_ command: CommandAPDU, operation: String) throws(CardError) -> [UInt8] {
    let signature = try connection.data(command, operation: operation)
    guard signature.count == 64 else { throw .unexpectedAnswer(operation) }
    return signature
  }

  /// Octets of chance from the card, 8 to 32; good for one ``setTime(_:signature:)``.
  public func challenge(octets: Int = 32) throws(CardError) -> [UInt8] {
    try connection.data(.getChallenge(octets), operation: "ask the card for a challenge")
  }

  /// Tells the card the time (P8): seconds since 1970 with the centre's signature over the challenge just given.
  public func setTime(_ time: UInt64, signature: [UInt8]) throws(CardError) {
    _ = try connection.data(.setTime(time, signature: signature), operation: "tell the card the time")
  }

  // MARK: Copy licences

  /// What the card needs to judge a copy licence.
  public struct CopyCertificate: Sendable, Hashable {
    /// SIDi.
    public var softwareID: SoftwareID
    /// IDk, as read from the medium at hand.
    public var mediumID: MediumID
    /// The terms, as encoded in the licence.
    public var terms: [UInt8]
    /// E_KU(KEYc), 40 octets.
    public var wrappedCertificationKey: [UInt8]
    /// CS, 16 octets.
    public var certificateCode: [UInt8]
    /// The drive's signature over the card's challenge and the medium id, 64 octets, where the terms ask for it.
    public var driveSignature: [UInt8]?

    /// A certificate.
    public init(
      softwareID: SoftwareID, mediumID: MediumID, terms: [UInt8], wrappedCertificationKey: [UInt8],
      certificateCode: [UInt8], driveSignature: [UInt8]? = nil
    ) {
      self.softwareID = softwareID
      self.mediumID = mediumID
      self.terms = terms
      self.wrappedCertificationKey = wrappedCertificationKey
      self.certificateCode = certificateCode
      self.driveSignature = driveSignature
    }
  }

  /// Shows the card that the centre vouches for a drive, whose signature ``CopyCertificate/driveSignature`` may then be.
  ///
  /// - Parameter certificate: the drive's card-verifiable certificate.
  /// - Throws: ``CardError`` with 6982 when the card's centre did not sign it, 6985 when it has expired.
  public func trust(drive certificate: [UInt8]) throws(CardError) {
    let operation = "check the drive's certificate"
    guard let command = CommandAPDU.verifyCertificate(certificate) else { throw .unexpectedAnswer(operation) }
    _ = try connection.data(command, operation: operation)
  }

  /// Has the card recompute and compare the certificate code (M7).
  ///
  /// - Throws: ``CardError`` with 6982 when the codes differ or the licence is another card's.
  public func certify(_ certificate: CopyCertificate) throws(CardError) {
    _ = try connection.data(command(certificate, nil), operation: "certify the copy")
  }

  /// The same, and answers the content key Kd, to run (M10).
  public func releaseContentKey(
    _ certificate: CopyCertificate, wrappedContentKey: [UInt8]
  ) throws(CardError) -> Secret {
    let operation = "release the content key"
    let key = try connection.data(command(certificate, wrappedContentKey), operation: operation)
    guard key.count == 32 else { throw .unexpectedAnswer(operation) }
    return Secret(copying: key)
  }

  // MARK: Conversion keys

  /// Opens Ku, the key of a copy on this medium, to run it (M15).
  ///
  /// - Throws: ``CardError`` with 6982 when it was wrapped for another card or medium.
  public func openConversionKey(mediumID: MediumID, wrappedMediumKey: [UInt8]) throws(CardError) -> Secret {
    let operation = "open the conversion key"
    let key = try connection.data(
      .openConversionKey(mediumID: mediumID, wrappedMediumKey: wrappedMediumKey), operation: operation)
    guard key.count == 32 else { throw .unexpectedAnswer(operation) }
    return Secret(copying: key)
  }

  /// Ku and Ka, opened to make a copy.
  public struct ConversionKeys: ~Copyable {
    /// Encrypts for the target medium.
    public let mediumKey: Secret
    /// Decrypts from the master medium.
    public let masterKey: Secret
  }

  /// Opens Ku and Ka, to make a copy (M13, M14).
  public func openConversionKeys(
    softwareID: SoftwareID, mediumID: MediumID, wrappedMediumKey: [UInt8], wrappedMasterKey: [UInt8]
  ) throws(CardError) -> ConversionKeys {
    let operation = "open the conversion keys"
    let keys = try connection.data(
      .openConversionKeys(
        softwareID: softwareID, mediumID: mediumID, wrappedMediumKey: wrappedMediumKey,
        wrappedMasterKey: wrappedMasterKey), operation: operation)
    guard keys.count == 64 else { throw .unexpectedAnswer(operation) }
    return ConversionKeys(
      mediumKey: Secret(copying: Array(keys[..<32])), masterKey: Secret(copying: Array(keys[32...])))
  }

  private func command(_ certificate: CopyCertificate, _ wrappedContentKey: [UInt8]?) -> CommandAPDU {
    .certifyCopy(
      softwareID: certificate.softwareID, mediumID: certificate.mediumID, terms: certificate.terms,
      wrappedCertificationKey: certificate.wrappedCertificationKey, certificateCode: certificate.certificateCode,
      wrappedContentKey: wrappedContentKey, driveSignature: certificate.driveSignature)
  }
}

extension CodeEntry {
  fileprivate static func parse(_ octets: [UInt8], _ operation: String) throws(CardError) -> [CodeEntry] {
    var reader = OctetReader(octets.span.bytes)
    var entries: [CodeEntry] = []
    while !reader.isAtEnd {
      do { entries.append(try CodeEntry(&reader)) } catch { throw .unexpectedAnswer(operation) }
    }
    return entries
  }
}
