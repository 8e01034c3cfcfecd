import CardDriver
import Cryptography
import DiscDriver
import Formats
import ISO7816
import Identifiers

/// The user's side of copying by conversion keys (Figs 9 and 10 of the seeds): the card opens what the centre wrapped.
extension CopySession {
  /// S15: the card opens Ku and Ka with its conversion secret and the id of the medium just read. E_Mid(Ku) on the
  /// medium stays as it came.
  func conversion(
    _ license: ConversionLicense, of file: MasterDisc.File, on master: MasterDisc
  ) throws(LicensingError) -> ConversionStage {
    let operation = "open the conversion keys for \(license.softwareID)"
    let header = try licensing(operation) { try CopySession.header(of: file, on: master) }
    let keys: ConversionKeyPair
    do {
      keys = ConversionKeyPair(
        try card.openConversionKeys(
          softwareID: license.softwareID, mediumID: volume.identity.id, wrappedMediumKey: license.wrappedMediumKey,
          wrappedMasterKey: license.wrappedMasterKey))
    } catch {
      throw CopySession.keyRefusal(error, operation)
    }
    return try licensing(operation) {
      try ConversionStage(license.softwareID, for: volume.identity.id, keys: keys, masterHeader: header)
    }
  }

  /// Ku, to run a copy (M15): again by the id of the medium just read, whatever the licence says.
  func mediumKey(_ license: ConversionLicense, _ operation: String) throws(LicensingError) -> Secret {
    do {
      return try card.openConversionKey(
        mediumID: volume.identity.id, wrappedMediumKey: license.wrappedMediumKey)
    } catch {
      throw CopySession.keyRefusal(error, operation)
    }
  }

  private static func keyRefusal(_ error: CardError, _ operation: String) -> LicensingError {
    guard error.status == .securityStatusNotSatisfied else { return LicensingError(error, during: operation) }
    return LicensingError(
      .notCertified, operation, remedy: "The card says that these keys are not for it, this disc and this title.")
  }

  /// What a title's stream on the master disc begins with.
  private static func header(of file: MasterDisc.File, on master: MasterDisc) throws -> [UInt8] {
    var header = [UInt8](repeating: 0, count: StreamingAEAD.headerOctets)
    let count = try header.withUnsafeMutableBytes { try master.read(file, at: 0, into: $0) }
    return Array(header[..<count])
  }
}
