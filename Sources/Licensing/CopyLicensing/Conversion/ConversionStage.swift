import CardDriver
import Cryptography
import Identifiers
import SecureChannel
import Synchronization

/// S16 and S17 of the seeds (M14): every piece of a title is opened under Ka and sealed under Ku, in the buffer that it
/// lies in, part after part. Plaintext is nowhere else, and only until the ciphertext for the target medium takes its place.
final class ConversionStage: TitleStage {
  fileprivate let softwareID: SoftwareID
  fileprivate let mediumID: MediumID
  fileprivate let keys: ConversionKeyPair
  /// The header of the copy's stream.
  let header: [UInt8]
  fileprivate let masterHeader: [UInt8]
  private let masterDigests = Mutex<[UInt32: [UInt8]]>([:])

  /// The conversion for the medium `mediumID` of the title whose sealed file begins with `masterHeader`.
  init(
    _ softwareID: SoftwareID, for mediumID: MediumID, keys: ConversionKeyPair, masterHeader: [UInt8]
  ) throws(CryptoError) {
    self.softwareID = softwareID
    self.mediumID = mediumID
    self.keys = keys
    self.masterHeader = masterHeader
    header = try ConvertedContent.header(
      mediumKey: keys.mediumKey, masterHeader: masterHeader, softwareID: softwareID, mediumID: mediumID)
  }

  func worker() throws(LicensingError) -> any TitleStageWorker {
    try licensing("convert \(softwareID)") { try ConversionWorker(self) }
  }

  /// Takes note of a piece as it lies on the master disc.
  func note(masterDigest digest: [UInt8], of index: UInt32) {
    masterDigests.withLock { $0[index] = digest }
  }

  /// The digest of the file on the master disc, as the catalogue has it, once every piece of it was seen.
  func masterDigest() -> [UInt8] {
    masterDigests.withLock { digests in PieceDigest.combining(digests.sorted { $0.key < $1.key }.map(\.value)) }
  }
}

/// Converts the pieces of one lane.
private final class ConversionWorker: TitleStageWorker {
  private let stage: ConversionStage
  private var converter: StreamSegmentConverter

  init(_ stage: ConversionStage) throws(CryptoError) {
    self.stage = stage
    let opener = try StreamOpener(
      key: stage.keys.masterKey, associatedData: Content.associatedData(stage.softwareID),
      header: stage.masterHeader, parameters: Content.parameters)
    let sealer = try StreamSegmentSealer(
      key: stage.keys.mediumKey,
      associatedData: ConvertedContent.associatedData(stage.softwareID, on: stage.mediumID), header: stage.header,
      parameters: Content.parameters)
    converter = try StreamSegmentConverter(from: opener, to: sealer)
  }

  func process(_ piece: TitlePiece) throws(LicensingError) {
    do {
      try convert(piece)
    } catch {
      throw LicensingError(
        .damaged, "convert \(stage.softwareID)",
        remedy: "What the master disc holds does not open with this licence's key; use another copy of the disc.")
    }
  }

  /// The header is replaced, the segment opened and sealed. Its length stays, since both streams have one shape.
  private func convert(_ piece: TitlePiece) throws(CryptoError) {
    var hasher = SHA256Hasher()
    var segment = piece.octets
    if piece.index == 0 {
      guard segment.count > StreamingAEAD.headerOctets else { throw .notAuthentic }
      let header = UnsafeMutableRawBufferPointer(rebasing: segment[..<StreamingAEAD.headerOctets])
      guard header.elementsEqual(stage.masterHeader) else { throw .notAuthentic }
      hasher.update(UnsafeRawBufferPointer(header))
      header.copyBytes(from: stage.header)
      segment = UnsafeMutableRawBufferPointer(rebasing: segment[StreamingAEAD.headerOctets...])
    }
    try converter.convert(segment: piece.index, segment, isLast: piece.isLast, digesting: &hasher)
    stage.note(masterDigest: hasher.finalize(), of: piece.index)
  }
}
