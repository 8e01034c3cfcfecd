import Cryptography
import DiscDriver
import Formats

/// How a title gets from its master disc onto the medium.
enum WayToCopy {
  /// As it is: master and copy are the same ciphertext (M8).
  case unchanged
  /// From the key of the master medium to the key of the target medium (M14).
  case converted(ConversionStage)

  /// What every piece goes through.
  var stages: [any TitleStage] {
    switch self {
    case .unchanged: []
    case .converted(let stage): [stage]
    }
  }

  /// What tells this copy from any other of the same title, for one that goes on with it.
  func source(_ title: CatalogueTitle) -> [UInt8] {
    switch self {
    case .unchanged: title.ciphertextDigest
    case .converted(let stage): Digest.sha256(title.ciphertextDigest + stage.header)
    }
  }

  /// Whether the file on the master disc is what the catalogue says, once all of it was read from piece `first` on;
  /// `written` is the digest of the whole copy.
  func isWhole(_ title: CatalogueTitle, written: [UInt8], from first: UInt64) -> Bool {
    switch self {
    case .unchanged: written == title.ciphertextDigest
    // Ka vouched for each piece, those before an interruption too: none was written that did not open.
    case .converted(let stage): first > 0 || stage.masterDigest() == title.ciphertextDigest
    }
  }
}

extension CopySession {
  /// Has the card agree to the copy that `license` is for: it compares the certificate code (M7), or opens the keys (M13).
  func wayToCopy(
    _ license: TitleLicense, _ file: MasterDisc.File, on master: MasterDisc
  ) throws(LicensingError) -> WayToCopy {
    switch license {
    case .certificate(let license):
      try certify(license.softwareID)
      return .unchanged
    case .conversion(let license): return .converted(try conversion(license, of: file, on: master))
    }
  }
}
