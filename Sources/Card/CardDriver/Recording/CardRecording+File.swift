import CLinux
import Cryptography
import Glibc
import Octets
import SecureChannel

/// Why a recording's file cannot be used.
public struct CardRecordingError: Error, Hashable, Sendable {
  /// What is wrong.
  public enum Code: Hashable, Sendable {
    /// The file cannot be opened, read or written; `errno` says why.
    case file(Int32)
    /// There is a file of that name.
    case exists
    /// It is no recording, or one of a later program.
    case notARecording
    /// It was sealed under another key, or somebody changed it.
    case notAuthentic
    /// It is longer than 64 MiB.
    case tooLong
  }

  /// What is wrong.
  public let code: Code
  /// The file.
  public let path: String

  /// An error about one file.
  public init(_ code: Code, _ path: String) {
    self.code = code
    self.path = path
  }
}

/// The file of a recording: "WREC" ‖ 01, then AES-256-GCM of its octets under a key that HKDF makes from the given one.
extension CardRecording {
  private static let magic: [UInt8] = Array("WREC".utf8) + [1]
  private static let keyInfo: [UInt8] = Array("warifu card recording 1".utf8)

  /// Seals the recording into a new file for its owner's eyes alone (mode 0600), which is there whole or not at all.
  ///
  /// - Parameters:
  ///   - path: the file; one of that name is left alone.
  ///   - key: any secret of at least 32 octets, such as the key that card files are encrypted under.
  ///   - random: where the nonce comes from.
  public func write(
    to path: String, key: borrowing Secret, random: any RandomSource
  ) throws(CardRecordingError) {
    let octets: [UInt8]
    do {
      let plain = try encoded()
      defer { plain.wipe() }
      let secret = plain.withBytes { Secret(copying: $0) }
      octets =
        CardRecording.magic
        + (try AEAD.seal(
          secret, key: try CardRecording.sealingKey(key), associatedData: CardRecording.magic, random: random))
    } catch {
      throw CardRecordingError(.tooLong, path)
    }
    try CardRecording.publish(octets, path)
  }

  /// Opens the recording in a file.
  public init(contentsOf path: String, key: borrowing Secret) throws(CardRecordingError) {
    let octets = try CardRecording.read(path)
    guard octets.starts(with: CardRecording.magic) else { throw CardRecordingError(.notARecording, path) }
    let plain: Secret
    do {
      plain = try AEAD.open(
        Array(octets.dropFirst(CardRecording.magic.count)), key: try CardRecording.sealingKey(key),
        associatedData: CardRecording.magic)
    } catch {
      throw CardRecordingError(.notAuthentic, path)
    }
    do {
      self = try plain.withBytes { (bytes) throws(OctetError) in try CardRecording(parsing: bytes) }
    } catch {
      throw CardRecordingError(.notARecording, path)
    }
  }

  private static func sealingKey(_ key: borrowing Secret) throws(CryptoError) -> Secret {
    try Derivation.hkdf(key, salt: magic, info: keyInfo, octets: 32)
  }

  private static func publish(_ octets: [UInt8], _ path: String) throws(CardRecordingError) {
    var scratch = Array("\(path).XXXXXX".utf8CString)
    let descriptor = scratch.withUnsafeMutableBufferPointer { warifu_make_temporary($0.baseAddress) }
    guard descriptor >= 0 else { throw CardRecordingError(.file(errno), path) }
    defer {
      close(descriptor)
      unlink(scratch)
    }
    var rest = octets[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw CardRecordingError(.file(errno), path) }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw CardRecordingError(.file(errno), path) }
    guard warifu_rename_new(scratch, path) == 0 else {
      throw CardRecordingError(errno == EEXIST ? .exists : .file(errno), path)
    }
  }

  private static func read(_ path: String) throws(CardRecordingError) -> [UInt8] {
    let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    guard descriptor >= 0 else { throw CardRecordingError(.file(errno), path) }
    defer { close(descriptor) }
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CardRecordingError(.file(errno), path) }
      if count == 0 { return octets }
      octets += piece[..<count]
      guard octets.count <= limit + 1024 else { throw CardRecordingError(.tooLong, path) }
    }
  }
}
