import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel

/// A title that came by another way than this client's own download: saved by a browser, or handed over at the counter.
public struct HandedOverTitle: Sendable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// Octets of the file, as it was opened.
  public var octets: UInt64

  private static let operation = "Opening a title"
  private static let anotherCode = "The code is another one than the file was made for; compare it with the sheet."
  private static let mismatch = "The file is not what the centre sealed, or the key is another's; get both again."
  /// The most octets of a key file.
  private static let mostOfKeyFile = 65_536

  /// What the page of a finished download gives: the key file.
  private struct KeyDocument: Decodable {
    var softwareID: String
    var ticket: String
    var type: TitleType
    var wrappedContentKey: Data
    var octets: UInt64
    var digest: Data
  }

  /// Opens what a browser downloaded, with the key file from the same page.
  ///
  /// The opened file appears when it has passed every check; a program can be run at once (C7).
  public static func open(
    download path: String, keyFile: String, into output: String
  ) throws(CenterClientError) -> HandedOverTitle {
    guard let text = try? read(keyFile).read(upToCount: mostOfKeyFile + 1), text.count <= mostOfKeyFile,
      let document = try? JSONDecoder().decode(KeyDocument.self, from: text),
      let softwareID = SoftwareID(document.softwareID), let ticket = DownloadTicket(text: document.ticket)
    else { throw failed("\(keyFile) is no key file of a download; save the one from the page of the download.") }
    let file = try read(path)
    let sealed = SealedTitle(file: file, octets: document.octets)
    return try open(sealed, path, [UInt8](document.digest), softwareID, document.type, into: output) {
      try DownloadContent.unwrap([UInt8](document.wrappedContentKey), for: ticket, softwareID)
    }
  }

  /// Opens what the counter handed over (P9), with the code that it was redeemed with.
  ///
  /// - Parameters:
  ///   - keys: the keys that the centre has signed licences with.
  ///   - time: seconds since 1970 UTC; past the code's date nothing is opened (P8).
  public static func open(
    provision path: String, code: RetrievalCode, under keys: [VerificationKey], at time: UInt64, isProgram: Bool,
    into output: String
  ) throws(CenterClientError) -> HandedOverTitle {
    let file = try read(path)
    let (provision, start) = try head(of: file, path, under: keys)
    if let expiry = provision.expiry, time > expiry {
      throw failed("What the code buys is over since its date; ask who sold the code.")
    }
    let sealed = SealedTitle(file: file, start: UInt64(start), octets: provision.octets)
    return try open(sealed, path, provision.digest, provision.softwareID, isProgram ? .program : .data, into: output) {
      do { return try provision.contentKey(for: code, at: time) } catch { throw failed(anotherCode) }
    }
  }

  private static func head(
    of file: FileHandle, _ path: String, under keys: [VerificationKey]
  ) throws(CenterClientError) -> (OfflineProvision, Int) {
    let most = OfflineProvision.lengthOctets + OfflineProvision.maximumOctetCount
    guard let octets = try? file.read(upToCount: most) else { throw failed("\(path) cannot be read; check the disk.") }
    for key in keys {
      if let head = try? OfflineProvision.open(fileHead: [UInt8](octets), under: key) { return head }
    }
    throw failed("\(path) is nothing that this centre's counter handed over; check the file and the centre.")
  }

  private static func open(
    _ sealed: SealedTitle, _ path: String, _ digest: [UInt8], _ softwareID: SoftwareID, _ type: TitleType,
    into output: String, key: () throws -> Secret
  ) throws(CenterClientError) -> HandedOverTitle {
    let octets = try NewFile.make(
      output, isProgram: type == .program, during: operation,
      taken: "There is a file at \(output) already; give another name.", mismatch: mismatch
    ) {
      let found: [UInt8]
      do { found = try sealed.digest() } catch { throw failed("\(path) cannot be read; check the file and the disk.") }
      guard found == digest else { throw CryptoError.notAuthentic }
      return try sealed.open(into: $0, under: try key(), of: softwareID)
    }
    return HandedOverTitle(softwareID: softwareID, octets: octets)
  }

  private static func read(_ path: String) throws(CenterClientError) -> FileHandle {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw failed("\(path) cannot be opened; check the path.")
    }
    return file
  }

  private static func failed(_ remedy: String) -> CenterClientError {
    CenterClientError(.file, operation, remedy: remedy)
  }
}
