import Cryptography
import DiscDriver
import Formats
import Identifiers

extension CopySession {
  /// Copies the sealed title from the master disc, as the licence on the medium is for: as it is (S7, M8), or converted
  /// (S16, S17, M14). The card compares or opens the keys before one octet is copied (M7, M13).
  ///
  /// Only ciphertext is written. What was read is compared with the signed catalogue's digest before the title is
  /// committed; until then the disc shows its old state, whatever happens. A copy of the same title that was cancelled,
  /// killed or cut off goes on where it was interrupted, after comparing what it left with its digests.
  ///
  /// - Parameter verifying: whether to read everything back from the medium before the title is committed. A drive that
  ///   writes in three passes has done that already.
  @discardableResult
  public func copy(
    _ softwareID: SoftwareID, from master: LicensedMaster, verifying: Bool = false,
    progress: ProgressHandler = withoutProgress
  ) throws(LicensingError) -> InstalledTitle {
    let operation = "copy \(softwareID)"
    let license = try titleLicense(for: softwareID)
    let (title, file) = try master.title(softwareID, operation)
    let way = try wayToCopy(license, file, on: master.disc)
    let information = try licensing(operation) { try CopySession.information(title, of: master.catalogue) }
    var writer = try begin(title, by: way, information, progress, operation)
    let (first, resumed) = (UInt64(writer.nextSegment), writer.contentDigest)
    let isResumable: Bool
    do throws(LicensingError) {
      try writer.fill(
        TitlePipeline(file: file, disc: master.disc, stages: way.stages, digest: way.digest), from: first, progress,
        operation)
      isResumable = try way.catchUp(
        to: first, file, on: master.disc, written: resumed, progress, operation)
    } catch {
      throw CopySession.suspend(writer, error)
    }
    guard isResumable else {
      try? writer.abandon()
      throw LicensingError(
        .damaged, operation,
        remedy: "What an interrupted copy left on the disc is not this title; the same command starts over now.")
    }
    guard way.isWhole(title, written: writer.contentDigest) else {
      // Whoever tries again must not go on with this.
      try? writer.abandon()
      throw LicensingError(
        .damaged, operation,
        remedy: "The file on the master disc is not what the centre signed; use another copy of it.")
    }
    if verifying {
      do throws(LicensingError) {
        try writer.compare(progress, operation)
      } catch {
        throw CopySession.suspend(writer, error)
      }
    }
    do { return try writer.commit() } catch { throw LicensingError(error, during: operation) }
  }

  /// A writer for the title, perhaps one that goes on.
  private func begin(
    _ title: CatalogueTitle, by way: WayToCopy, _ information: [UInt8], _ progress: ProgressHandler, _ operation: String
  ) throws(LicensingError) -> TitleWriter {
    var isCancelled = false
    do {
      let writer = try volume.resumableInstall(
        title: title.softwareID, length: title.ciphertextOctets, source: way.source(title),
        information: information, digest: way.digest
      ) { done, total in
        isCancelled = !progress(TransferProgress(.comparing, done: done, total: total))
        return !isCancelled
      }
      guard !isCancelled else {
        var error = LicensingError.cancelled(operation)
        error.remedy += " What there is of the title stays; the same command goes on."
        throw error
      }
      return writer
    } catch {
      throw LicensingError(error, during: operation)
    }
  }

  /// Leaves the disc so that the copy can go on, unless it is the disc that failed.
  private static func suspend(_ writer: consuming TitleWriter, _ error: LicensingError) -> LicensingError {
    if case .disc = error.code { return error }
    var error = error
    if let kept = try? writer.suspend(), kept > 0 {
      error.discMayHaveChanged = false
      error.remedy += " The disc does not list the title yet; the same command goes on behind \(kept >> 20) MiB."
    }
    return error
  }

  /// What goes along with the software: its line of the catalogue, so that the disc can tell what it holds.
  private static func information(
    _ title: CatalogueTitle, of catalogue: MasterCatalogue
  ) throws(FormatError) -> [UInt8] {
    var part = catalogue
    part.titles = [title]
    return try part.json()
  }
}

extension TitleWriter {
  /// Copies what is still wanted.
  fileprivate mutating func fill(
    _ pipeline: TitlePipeline, from first: UInt64, _ progress: ProgressHandler, _ operation: String
  ) throws(LicensingError) {
    try pipeline.run(from: first) { (piece, digest) throws(LicensingError) in
      do { try write(segment: piece, digest: digest) } catch { throw LicensingError(error, during: operation) }
      guard progress(TransferProgress(.copying, done: written, total: pipeline.file.length)) else {
        throw .cancelled(operation)
      }
    }
  }

  /// Reads everything back.
  fileprivate mutating func compare(_ progress: ProgressHandler, _ operation: String) throws(LicensingError) {
    let isWhole: Bool
    do {
      isWhole = try verify { progress(TransferProgress(.verifying, done: $0, total: $1)) }
    } catch {
      throw LicensingError(error, during: operation)
    }
    guard isWhole else { throw .cancelled(operation) }
  }
}

extension LicensingError {
  /// Somebody wants no more of it.
  static func cancelled(_ operation: String) -> LicensingError {
    LicensingError(.cancelled, operation, remedy: "It was cancelled.", discMayHaveChanged: false)
  }
}
