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
    let file = try Download.make(keyPath)
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
      if !FileManager.default.fileExists(atPath: partPath) { try Download.make(partPath).close() }
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
      guard try pieceDigest() != digest else { return }
    } catch {
      throw Download.failed("\(partPath) cannot be read; check the disk, then run it again to carry on.")
    }
    try truncate(to: 0)
    throw Download.failed("What arrived is not what the centre sealed; run it again to fetch it anew.")
  }

  private func pieceDigest() throws -> [UInt8] {
    var digest = PieceDigest()
    try part?.seek(toOffset: 0)
    while let piece = try part?.read(upToCount: PieceDigest.pieceOctets), !piece.isEmpty {
      piece.withUnsafeBytes { digest.update($0) }
    }
    return digest.finalize()
  }

  /// Opens the sealed octets into the file that was asked for, and clears the others away.
  ///
  /// The file appears when all of it is there and was found authentic. A program can be run from then on (C7).
  ///
  /// - Returns: how many octets it has.
  mutating func finish(
    wrapped: [UInt8], _ ticket: DownloadTicket, _ softwareID: SoftwareID, _ type: TitleType
  ) throws(CenterClientError) -> UInt64 {
    let temporary = path + ".opening"
    unlink(temporary)
    defer { unlink(temporary) }
    let written: UInt64
    do {
      let key = try DownloadContent.unwrap(wrapped, for: ticket, softwareID)
      let output = try Download.make(temporary)
      written = try open(into: output, key: key, softwareID)
      if type == .program, fchmod(output.fileDescriptor, 0o700) != 0 { throw CocoaError(.fileWriteUnknown) }
      try output.synchronize()
      try output.close()
    } catch let error as CenterClientError {
      throw error
    } catch is CryptoError {
      throw Download.failed("What arrived is not what the centre sealed; ask who sold the code.")
    } catch {
      throw Download.failed("\(path) cannot be written; check the disk, then run it again to carry on.")
    }
    guard link(temporary, path) == 0 else {
      throw Download.failed("There is a file at \(path) already; give another name.")
    }
    forget()
    return written
  }

  private func open(into output: FileHandle, key: borrowing Secret, _ softwareID: SoftwareID) throws -> UInt64 {
    guard let part else { throw CryptoError.notAuthentic }
    let shape = DownloadContent.parameters
    let count = try shape.segmentCount(ciphertextLength: octets)
    try part.seek(toOffset: 0)
    let header = try part.read(upToCount: StreamingAEAD.headerOctets) ?? Data()
    var opener = try StreamOpener(
      key: key, associatedData: DownloadContent.associatedData(softwareID), header: [UInt8](header), parameters: shape)
    var buffer = [UInt8](repeating: 0, count: shape.segmentOctets)
    defer { for index in buffer.indices { buffer[index] = 0 } }
    var written: UInt64 = 0
    for number in 0..<count {
      guard let index = UInt32(exactly: number) else { throw CryptoError.notAuthentic }
      let range = try shape.ciphertextRange(ofSegment: index, ciphertextLength: octets)
      try part.seek(toOffset: range.lowerBound)
      let sealed = [UInt8](try part.read(upToCount: Int(range.count)) ?? Data())
      let length = try sealed.withUnsafeBytes { sealed in
        try buffer.withUnsafeMutableBytes { output in
          try opener.open(segment: index, sealed, isLast: number == count - 1, into: output)
        }
      }
      try output.write(contentsOf: Data(buffer[..<length]))
      written += UInt64(length)
    }
    return written
  }

  /// Clears away what a run leaves for the next one.
  func forget() {
    unlink(partPath)
    unlink(keyPath)
  }

  /// A new file that is its owner's alone.
  private static func make(_ path: String) throws(CenterClientError) -> FileHandle {
    let descriptor = Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failed("\(path) cannot be made; check that its folder is there and writable.") }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private static func failed(_ remedy: String) -> CenterClientError {
    CenterClientError(.file, "Redeeming a code", remedy: remedy, mayHaveChanged: true)
  }
}
