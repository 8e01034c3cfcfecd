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
  /// The file of the key, which is locked as long as this value lives: two runs would write into each other's octets.
  private var keyFile: FileHandle?
  /// Whether no earlier run can have taken a code under the key.
  private var isNew = false
  /// How many octets arrived.
  private(set) var octets: UInt64 = 0

  private var partPath: String { path + ".part" }
  private var keyPath: String { path + ".redemption" }

  /// - Throws: ``CenterClientError/Code/file`` when there is something at `path` already.
  init(_ path: String) throws(CenterClientError) {
    self.path = path
    guard !NewFile.isTaken(path) else {
      throw Download.failed(
        Download.isBegun(path)
          ? Download.inTheWay(path) : "There is a file at \(path) already; give another name.")
    }
  }

  /// The key of the request: the one of an earlier run, or a new one that is on the disk before it is sent.
  mutating func key(random: any RandomSource) throws(CenterClientError) -> OperationID {
    let file = try lockedKeyFile()
    let found: Data
    do { found = try file.read(upToCount: 256) ?? Data() } catch {
      throw Download.failed("\(keyPath) cannot be read; check the disk.")
    }
    keyFile = file
    guard found.isEmpty else {
      guard let key = OperationID(String(decoding: found, as: UTF8.self)) else {
        throw Download.failed("\(keyPath) is none that this program wrote; move it away.")
      }
      return key
    }
    guard let key = OperationID(octets: random.octets(OperationID.octetCount)) else {
      throw Download.failed("No key could be made.")
    }
    do {
      try file.write(contentsOf: Data(key.description.utf8))
      try file.synchronize()
    } catch {
      throw Download.failed("\(keyPath) cannot be written; check the disk.")
    }
    try NewFile.syncFolder(of: keyPath, during: Download.operation)
    isNew = true
    return key
  }

  /// The file of the key, made if there is none. An empty one is what a run left that ended before it sent anything.
  private func lockedKeyFile() throws(CenterClientError) -> FileHandle {
    while true {
      let descriptor = Glibc.open(keyPath, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else {
        throw Download.failed("\(keyPath) cannot be made; check that its folder is there and writable.")
      }
      let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw Download.failed("Another run is at the download to \(path); wait until it ends.")
      }
      // Between opening and locking, another run may have finished and taken the name away.
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return file }
    }
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
    try NewFile.syncFolder(of: partPath, during: Download.operation)
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
      taken: Download.inTheWay(path),
      mismatch: "What arrived is not what the centre sealed; ask who sold the code."
    ) { output in
      let key = try DownloadContent.unwrap(wrapped, for: ticket, softwareID)
      return try sealed.open(into: output, under: key, of: softwareID)
    }
    forget()
    return written
  }

  /// Whether a download to `path` was begun and not cleared away.
  static func isBegun(_ path: String) -> Bool { NewFile.isTaken(path + ".redemption") }

  /// The code may be used by now: under another name nothing would be found.
  private static func inTheWay(_ path: String) -> String {
    "\(path) came in the way of its own download; if it is not the title, move it away and run the same again."
  }

  private func sealed() throws(CenterClientError) -> SealedTitle {
    guard let part else { throw Download.failed("\(partPath) is gone; run it again to fetch it anew.") }
    return SealedTitle(file: part, octets: octets)
  }

  /// Clears away what this run made, if nothing can have come of the key: another code begins with a key of its own.
  func forgetIfNew() {
    if isNew { forget() }
  }

  /// Clears away what a run leaves for the next one.
  private func forget() {
    unlink(partPath)
    unlink(keyPath)
  }

  private static func failed(_ remedy: String) -> CenterClientError {
    CenterClientError(.file, operation, remedy: remedy, mayHaveChanged: true)
  }
}
