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

  /// By what the copy's manifest knows its pieces again. A piece that was converted authenticates itself under Ku, and of
  /// the master's pieces the stage has the digests that the catalogue wants: one SHA-256 of each is enough.
  var digest: SegmentDigest {
    switch self {
    case .unchanged: .sha256
    case .converted: .crc32c
    }
  }

  /// What tells this copy from any other of the same title and length, for a journal to go on with: the master's digest
  /// alone, or with the header of the copy, which stands for the medium's key and the master's stream.
  func source(_ title: CatalogueTitle) -> [UInt8] {
    switch self {
    case .unchanged: title.ciphertextDigest
    case .converted(let stage): Digest.sha256(title.ciphertextDigest + stage.header)
    }
  }

  /// Whether the file on the master disc is what the catalogue says, once all of it was read or caught up with; `written`
  /// is the digest of the whole copy.
  func isWhole(_ title: CatalogueTitle, written: [UInt8]) -> Bool {
    switch self {
    case .unchanged: written == title.ciphertextDigest
    case .converted(let stage): stage.masterDigest() == title.ciphertextDigest
    }
  }

  /// Converts once more the pieces that an earlier run has copied, since a journal only claims: what was written of them
  /// tells neither what the master disc holds nor whether it was made of that. By certificate code it does both.
  ///
  /// - Parameter written: the digest of these pieces as they lie on the target medium.
  /// - Returns: whether they are what they should be.
  func catchUp(
    to end: UInt64, _ file: MasterDisc.File, on disc: MasterDisc, written: [UInt8], _ progress: ProgressHandler,
    _ operation: String
  ) throws(LicensingError) -> Bool {
    guard case .converted = self, end > 0 else { return true }
    var digests: [[UInt8]] = []
    var done: UInt64 = 0
    let total = min(end * UInt64(PieceDigest.pieceOctets), file.length)
    try TitlePipeline(file: file, disc: disc, stages: stages, digest: digest).run(to: end) {
      (piece, digest) throws(LicensingError) in
      digests.append(digest)
      done += UInt64(piece.count)
      guard progress(TransferProgress(.catchingUp, done: done, total: total)) else { throw .cancelled(operation) }
    }
    return PieceDigest.combining(digests) == written
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
