import CLinux
import CardFirmware
import Cryptography
import Glibc
import Octets
import SecureChannel

/// The file behind an emulated card: a header page, then the flash, encrypted page by page.
///
/// Layout: one page of 4,096 octets {magic `WARIFUCD` (8), version 1 (2), reserved (2), page size (4), page count (4), word
/// size (4), salt (16), HMAC-SHA-256 over all that (32), zeros}, then `page size × page count` octets of flash under
/// AES-256-XTS, the page number as tweak. Both keys come from the emulator's key and the salt by HKDF, so a copied file
/// says nothing without that key.
///
/// A word of flash is one XTS block and is written by one `pwrite`, so killing the process at any moment leaves what a
/// power cut leaves on real flash, and the firmware's store recovers from that.
final class CardStateFile {
  /// Octets before the flash.
  static let headerOctets = 4_096
  private static let magic: [UInt8] = Array("WARIFUCD".utf8)
  private static let version: UInt16 = 1
  private static let saltOctets = 16
  private static let authenticatedOctets = 40

  let path: String
  let geometry: FlashGeometry
  private let descriptor: Int32
  private var cipher: XTS
  private var scratch: [UInt8]
  /// The name of a file that is still being made; the file goes when nobody publishes it.
  private var temporaryPath: String?

  /// Takes over `descriptor`.
  private init(path: String, descriptor: Int32, geometry: FlashGeometry, cipher: consuming XTS) {
    self.path = path
    self.descriptor = descriptor
    self.geometry = geometry
    self.cipher = cipher
    scratch = [UInt8](repeating: 0, count: geometry.pageSize)
  }

  deinit {
    if let temporaryPath { unlink(temporaryPath) }
    _ = warifu_unlock(descriptor)
    close(descriptor)
  }

  // MARK: Making and opening

  /// Writes a new file with erased flash and opens it. It has a hidden name of its own beside `path` until ``publish()``,
  /// so that a kill leaves no half-made card where one is looked for.
  static func create(
    at path: String, geometry: FlashGeometry, key: borrowing Secret, random: any RandomSource
  ) throws(CardStateError) -> CardStateFile {
    guard access(path, F_OK) != 0 else { throw CardStateError(.exists, path) }
    let salt = random.octets(saltOctets)
    let head = header(geometry, salt)
    let tag: [UInt8]
    let cipher: XTS
    do {
      let keys = try FileKeys(key, salt: salt)
      tag = try HMAC256.tag(key: keys.authentication, head)
      cipher = try XTS(key: keys.encryption)
    } catch {
      throw CardStateError(.storage, path, "no key")
    }
    var temporaryPath = Array((folder(of: path) + ".warifu-card-XXXXXX").utf8CString)
    let descriptor = warifu_make_temporary(&temporaryPath)
    guard descriptor >= 0 else { throw CardStateError(.storage, path, reason()) }
    let file = CardStateFile(path: path, descriptor: descriptor, geometry: geometry, cipher: cipher)
    file.temporaryPath = String(decoding: temporaryPath.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    try file.lock()
    try file.fillErased()
    try file.write(head + tag + [UInt8](repeating: 0, count: headerOctets - head.count - tag.count), at: 0)
    return file
  }

  /// Gives a new file, with all that was written to it, its own name; one that is there already is not touched.
  func publish() throws(CardStateError) {
    guard let temporaryPath else { return }
    try sync()
    guard warifu_rename_new(temporaryPath, path) == 0 else {
      throw errno == EEXIST ? CardStateError(.exists, path) : CardStateError(.storage, path, CardStateFile.reason())
    }
    self.temporaryPath = nil
    let folder = warifu_open(CardStateFile.folder(of: path) + ".", O_RDONLY | O_CLOEXEC, 0)
    guard folder >= 0 else { throw CardStateError(.storage, path, CardStateFile.reason()) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw CardStateError(.storage, path, CardStateFile.reason()) }
  }

  /// The folder part of a path, with its slash; empty for a bare name.
  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  /// Opens a file and checks everything that can be checked without the firmware.
  ///
  /// - Parameter isWritable: whether to write it; if not, others may read it meanwhile.
  static func open(
    _ path: String, key: borrowing Secret, isWritable: Bool = true
  ) throws(CardStateError) -> CardStateFile {
    let descriptor = warifu_open(path, (isWritable ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw CardStateError(.unreadable, path, reason()) }
    var isHandedOver = false
    defer { if !isHandedOver { close(descriptor) } }
    let lock = isWritable ? warifu_try_lock(descriptor) : warifu_try_shared_lock(descriptor)
    guard lock == 0 else { throw CardStateError(.busy, path) }
    let (geometry, salt, tag, head) = try readHeader(descriptor, path)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw CardStateError(.unreadable, path, reason()) }
    let expected = headerOctets + geometry.pageSize * geometry.pageCount
    guard Int(status.st_size) == expected else {
      throw CardStateError(.wrongSize, path, "\(status.st_size) octets instead of \(expected)")
    }
    do {
      let keys = try FileKeys(key, salt: salt)
      try HMAC256.verify(key: keys.authentication, head, tag: tag)
      let cipher = try XTS(key: keys.encryption)
      isHandedOver = true
      return CardStateFile(path: path, descriptor: descriptor, geometry: geometry, cipher: cipher)
    } catch {
      throw CardStateError(.notAuthentic, path)
    }
  }

  private static func readHeader(
    _ descriptor: Int32, _ path: String
  ) throws(CardStateError) -> (FlashGeometry, salt: [UInt8], tag: [UInt8], head: [UInt8]) {
    var octets = [UInt8](repeating: 0, count: headerOctets)
    let count = pread(descriptor, &octets, headerOctets, 0)
    guard count == headerOctets else { throw CardStateError(.notACard, path) }
    let head = Array(octets[..<authenticatedOctets])
    do {
      var reader = OctetReader(octets.span.bytes)
      guard try reader.take(8).octets == magic, try reader.u16() == version else { throw OctetError.invalid }
      _ = try reader.u16()
      let pageSize = Int(try reader.u32())
      let pageCount = Int(try reader.u32())
      let wordSize = Int(try reader.u32())
      let salt = try reader.take(saltOctets).octets
      let tag = try reader.take(32).octets
      guard pageSize == headerOctets, (4...4_096).contains(pageCount), wordSize == 16 else { throw OctetError.invalid }
      return (FlashGeometry(pageSize: pageSize, pageCount: pageCount, wordSize: wordSize), salt, tag, head)
    } catch {
      throw CardStateError(.notACard, path)
    }
  }

  private static func header(_ geometry: FlashGeometry, _ salt: [UInt8]) -> [UInt8] {
    var head = magic
    head += [UInt8(version >> 8), UInt8(version & 0xFF), 0, 0]
    for value in [geometry.pageSize, geometry.pageCount, geometry.wordSize] {
      for shift in [24, 16, 8, 0] { head.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    return head + salt
  }

  private func lock() throws(CardStateError) {
    guard warifu_try_lock(descriptor) == 0 else { throw CardStateError(.busy, path) }
  }

  private func fillErased() throws(CardStateError) {
    for page in 0..<geometry.pageCount {
      for index in scratch.indices { scratch[index] = 0xFF }
      try encryptScratch(page)
      try write(scratch, at: CardStateFile.headerOctets + page * geometry.pageSize)
    }
  }

  // MARK: Flash

  /// Reads all the flash, decrypted, into `memory`, which has the flash's size and is erased. Tells which pages it wrote.
  func readFlash(
    into memory: UnsafeMutableRawBufferPointer, _ note: (Int) -> Void
  ) throws(CardStateError) {
    for page in 0..<geometry.pageCount {
      let offset = page * geometry.pageSize
      let part = UnsafeMutableRawBufferPointer(rebasing: memory[offset..<(offset + geometry.pageSize)])
      guard pread(descriptor, &scratch, scratch.count, off_t(CardStateFile.headerOctets + offset)) == scratch.count
      else { throw CardStateError(.unreadable, path, CardStateFile.reason()) }
      do {
        var span = scratch.mutableSpan
        var bytes = span.mutableBytes
        try cipher.decrypt(&bytes, tweak: UInt64(page))
      } catch {
        throw CardStateError(.damaged, path)
      }
      // An untouched page stays a shared one in memory: comparing is cheaper than owning it.
      if scratch.contains(where: { $0 != 0xFF }) {
        note(page)
        scratch.withUnsafeBytes { part.copyMemory(from: $0) }
      }
    }
    for index in scratch.indices { scratch[index] = 0 }
  }

  /// Writes `count` octets at `offset` of the flash, all in one page, as they are in `memory`.
  func writeFlash(_ memory: UnsafeRawBufferPointer, offset: Int, count: Int) throws(CardStateError) {
    let page = offset / geometry.pageSize
    let start = page * geometry.pageSize
    scratch.withUnsafeMutableBytes {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<(start + geometry.pageSize)]))
    }
    try encryptScratch(page)
    let written = scratch.withUnsafeBytes { bytes in
      pwrite(
        descriptor, bytes.baseAddress.map { $0 + (offset - start) }, count, off_t(CardStateFile.headerOctets + offset))
    }
    guard written == count else { throw CardStateError(.storage, path, CardStateFile.reason()) }
  }

  /// Everything written before is on the disk when this returns.
  func sync() throws(CardStateError) {
    guard fdatasync(descriptor) == 0 else { throw CardStateError(.storage, path, CardStateFile.reason()) }
  }

  private func encryptScratch(_ page: Int) throws(CardStateError) {
    do {
      var span = scratch.mutableSpan
      var bytes = span.mutableBytes
      try cipher.encrypt(&bytes, tweak: UInt64(page))
    } catch {
      throw CardStateError(.storage, path, "encryption failed")
    }
  }

  private func write(_ octets: [UInt8], at offset: Int) throws(CardStateError) {
    guard pwrite(descriptor, octets, octets.count, off_t(offset)) == octets.count else {
      throw CardStateError(.storage, path, CardStateFile.reason())
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}

/// The two keys of one file.
private struct FileKeys: ~Copyable {
  let encryption: Secret
  let authentication: Secret

  init(_ key: borrowing Secret, salt: [UInt8]) throws(CryptoError) {
    let encryption = try Derivation.hkdf(
      key, salt: salt, info: Array("warifu card state 1: flash".utf8), octets: XTS.keyOctets)
    let authentication = try Derivation.hkdf(
      key, salt: salt, info: Array("warifu card state 1: header".utf8), octets: 32)
    self.encryption = encryption
    self.authentication = authentication
  }
}
