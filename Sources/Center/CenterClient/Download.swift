import Cryptography
import Formats
import Foundation
import Glibc
import Identifiers
import Octets
import SecureChannel

/// The files of one download: what arrived, the key of its request, and at the end the opened file.
struct Download: ~Copyable {
  /// More than any centre can seal: 2^40.
  static let mostOctets: UInt64 = 1 << 40

  private static let operation = "Redeeming a code"

  private let path: String
  private var part: FileHandle?
  /// How many octets arrived.
  private(set) var octets: UInt64 = 0

  private var partPath: String { path + ".part" }
  private var keyPath: String { path + ".redemption" }

  /// - Throws: ``CenterClientError/Code/file`` when there is something at `path` already.
  init(_ path: String) throws(CenterClientError) {
    self.path = path
    guard !FileManager.default.fileExists(atPath: path) else {
      throw Download.failed("There is a file at \(path) already; give another name.")
    }
  }

  /// The key of the request: the one of an earlier run, or a new one that is on the disk before it is sent.
  func key(random: any RandomSource) throws(CenterClientError) -> OperationID {
    if let octets = FileManager.default.contents(atPath: keyPath) {
      guard let key = OperationID(String(decoding: octets, as: UTF8.self)) else {
        throw Download.failed("\(keyPath) is none that this program wrote; move it away.")
      }
      return key
    }
    guard let key = OperationID(octets: random.octets(OperationID.octetCount)) else {
      throw Download.failed("No key could be made.")
    }
    let file = try NewFile.create(keyPath, during: Download.operation)
    do {
      try file.write(contentsOf: Data(key.description.utf8))
      try file.synchronize()
      try file.close()
    } catch {
      throw Download.failed("\(keyPath) cannot be written; check the disk.")
    }
    return key
  }

  /// Opens the octets that arrived before, if any did.
  mutating func open() throws(CenterClientError) {
    do {
      if !FileManager.default.fileExists(atPath: partPath) {
        try NewFile.create(partPath, during: Download.operation).close()
      }
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: partPath))
      octets = try file.seekToEnd()
      part = file
    } catch let error as CenterClientError {
      throw error
    } catch {
      throw Download.failed("\(partPath) cannot be opened; check the disk.")
    }
  }

  /// Lets go of octets that the centre does not know of.
  mutating func truncate(to limit: UInt64) throws(CenterClientError) {
    guard octets > limit else { return }
    do {
      try part?.truncate(atOffset: limit)
      octets = limit
    } catch {
      throw Download.failed("\(partPath) cannot be written; check the disk.")
    }
  }

  mutating func append(_ piece: [UInt8]) throws(CenterClientError) {
    do { try part?.write(contentsOf: Data(piece)) } catch {
      throw Download.failed("\(partPath) cannot be written; check the disk, then run it again to carry on.")
    }
    octets += UInt64(piece.count)
  }

  func sync() throws(CenterClientError) {
    do { try part?.synchronize() } catch { throw Download.failed("\(partPath) cannot be written; check the disk.") }
  }

  /// Holds what arrived against the digest that the centre told before; where it is something else, lets go of all of it.
  mutating func check(_ digest: [UInt8]) throws(CenterClientError) {
    do {
      guard try sealed().digest() != digest else { return }
    } catch {
      throw Download.failed("\(partPath) cannot be read; check the disk, then run it again to carry on.")
    }
    try truncate(to: 0)
    throw Download.failed("What arrived is not what the centre sealed; run it again to fetch it anew.")
  }

  /// Opens the sealed octets into the file that was asked for, and clears the others away.
  ///
  /// The file appears when all of it is there and was found authentic. A program can be run from then on (C7).
  ///
  /// - Returns: how many octets it has.
  mutating func finish(
    wrapped: [UInt8], _ ticket: DownloadTicket, _ softwareID: SoftwareID, _ type: TitleType
  ) throws(CenterClientError) -> UInt64 {
    let sealed = try sealed()
    let written = try NewFile.make(
      path, isProgram: type == .program, during: Download.operation,
      mismatch: "What arrived is not what the centre sealed; ask who sold the code."
    ) { output in
      let key = try DownloadContent.unwrap(wrapped, for: ticket, softwareID)
      return try sealed.open(into: output, under: key, of: softwareID)
    }
    forget()
    return written
  }

  private func sealed() throws(CenterClientError) -> SealedTitle {
    guard let part else { throw Download.failed("\(partPath) is gone; run it again to fetch it anew.") }
    return SealedTitle(file: part, octets: octets)
  }

  /// Clears away what a run leaves for the next one.
  func forget() {
    unlink(partPath)
    unlink(keyPath)
  }

  private static func failed(_ remedy: String) -> CenterClientError {
    CenterClientError(.file, operation, remedy: remedy, mayHaveChanged: true)
  }
}
