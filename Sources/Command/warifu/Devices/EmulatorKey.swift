import CLinux
import Cryptography
import Foundation
import Glibc
import Octets

/// The key under which emulated cards keep their state: 32 octets, by default in a file of the user's.
enum EmulatorKey {
  private static let octetCount = 32
  private static let what = "emulator key"

  /// The key at its source, or the user's own.
  static func read(_ source: SecretSource?) throws -> Secret {
    let secret: Secret
    if let source {
      secret = try source.read(what)
    } else {
      guard access(defaultPath, F_OK) == 0 else {
        throw Failure(
          .noDevice, "there is no \(what) at \(defaultPath)",
          remedy: "make a card with 'warifu card new', or give the key's source with --card-key")
      }
      secret = try SecretSource.file(defaultPath).read(what)
    }
    return try key(secret)
  }

  /// The same; the user's own is made if there is none.
  static func readOrMake(_ source: SecretSource?, random: any RandomSource) throws -> Secret {
    if source == nil, access(defaultPath, F_OK) != 0 { try make(random: random) }
    return try read(source)
  }

  /// Where the user's own lies (XDG Base Directory Specification).
  static var defaultPath: String {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment["XDG_DATA_HOME"], folder.hasPrefix("/") { return folder + "/warifu/emulator.key" }
    return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/share/warifu/emulator.key"
  }

  /// 32 octets as they are, or 64 hexadecimal digits.
  private static func key(_ secret: consuming Secret) throws -> Secret {
    if secret.count == octetCount { return secret }
    let digits = secret.withBytes { String(decoding: $0.octets, as: UTF8.self) }
    let trimmed = digits.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let octets = Hex.decode(trimmed), octets.count == octetCount else {
      throw Failure(.badInput, "the \(what) is none", remedy: "give 32 octets, or 64 hexadecimal digits")
    }
    return Secret(copying: octets)
  }

  /// Makes the user's own: complete under its name or not there, and never in the place of another.
  private static func make(random: any RandomSource) throws {
    let path = defaultPath
    let folder = (path as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw failure("make the folder \(folder)")
    }
    let scratch = "\(path).\(getpid())"
    let descriptor = warifu_open(scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure("write \(scratch)") }
    defer {
      close(descriptor)
      unlink(scratch)
    }
    let written = Secret(random: octetCount, from: random).withBytes { bytes in
      bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
    guard written == octetCount, fsync(descriptor) == 0 else { throw failure("write \(scratch)") }
    guard warifu_rename_new(scratch, path) == 0 || errno == EEXIST else { throw failure("write \(path)") }
  }

  private static func failure(_ action: String) -> Failure {
    Failure(
      .failed, "cannot \(action): \(String(cString: strerror(errno)))",
      remedy: "check the folder, or give the key's source with --card-key")
  }
}
