import ArgumentParser
import CLinux
import Cryptography
import Foundation
import Glibc
import Octets

/// Where a secret comes from. Never an argument: those show in every list of processes.
enum SecretSource: ExpressibleByArgument, Sendable {
  /// A file's content.
  case file(String)
  /// What an inherited descriptor gives up to its end.
  case descriptor(Int32)
  /// A variable of the environment.
  case environment(String)
  /// Standard input up to its end.
  case standardInput
  /// None of these. The text is not kept: somebody may have typed the secret itself.
  case malformed

  /// The most octets of a secret.
  private static let limit = 4096

  init(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.count > 1 ? parts[1] : "") {
    case ("-", "") where parts.count == 1: self = .standardInput
    case ("file", let path) where !path.isEmpty: self = .file(path)
    case ("env", let name) where !name.isEmpty: self = .environment(name)
    case ("fd", let number): self = Int32(number).flatMap { $0 >= 0 ? .descriptor($0) : nil } ?? .malformed
    default: self = .malformed
    }
  }

  /// The secret as text: a trailing line end does not count.
  func readText(_ what: String) throws -> Secret {
    try read(what).withBytes { bytes in
      var count = bytes.byteCount
      if count > 0, bytes[octet: count - 1] == 0x0A { count -= 1 }
      if count > 0, bytes[octet: count - 1] == 0x0D { count -= 1 }
      guard count > 0 else { throw Failure(.badInput, "the \(what) is empty", remedy: "give it at its source") }
      return Secret(copying: bytes.extracting(0..<count))
    }
  }

  /// The secret, octet by octet as it is.
  func read(_ what: String) throws -> Secret {
    switch self {
    case .standardInput: return try SecretSource.drain(STDIN_FILENO, what)
    case .descriptor(let number):
      defer { close(number) }
      return try SecretSource.drain(number, what)
    case .file(let path):
      let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC, 0)
      guard descriptor >= 0 else {
        throw Failure(
          .noDevice, "cannot read the \(what) from \(path): \(String(cString: strerror(errno)))",
          remedy: "check the path and its permissions")
      }
      defer { close(descriptor) }
      return try SecretSource.drain(descriptor, what)
    case .environment(let name):
      guard let value = getenv(name) else {
        throw Failure(.usage, "there is no variable \(name) with the \(what)", remedy: "set it, or give another source")
      }
      return Secret(copying: RawSpan(_unsafeStart: value, byteCount: strlen(value)))
    case .malformed:
      throw Failure(
        .usage, "the source of the \(what) is none",
        remedy: "give file:PATH, fd:NUMBER, env:NAME or - for standard input, never the secret itself")
    }
  }

  private static func drain(_ descriptor: Int32, _ what: String) throws -> Secret {
    let buffer = OctetBuffer(capacity: limit + 1)
    defer { buffer.wipe() }
    var piece = [UInt8](repeating: 0, count: limit + 1)
    defer { piece.withUnsafeMutableBytes { bytes in bytes.baseAddress.map { warifu_wipe($0, bytes.count) } } }
    while true {
      let count = Glibc.read(descriptor, &piece, limit + 1 - buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw Failure(
          .noDevice, "cannot read the \(what): \(String(cString: strerror(errno)))", remedy: "check its source")
      }
      if count == 0 { break }
      try buffer.append(piece.span.bytes.extracting(0..<count))
      guard buffer.count <= limit else {
        throw Failure(.badInput, "the \(what) is too long", remedy: "give at most \(limit) octets")
      }
    }
    return buffer.withBytes { Secret(copying: $0) }
  }
}

/// A secret that an option names, or somebody types.
struct SecretRequest {
  /// What it is, for people.
  let what: String
  /// The option that gives its source.
  let option: String

  /// The secret, octet by octet as it is; a binary one cannot be typed.
  func read(_ source: SecretSource?) throws -> Secret {
    guard let source else {
      throw Failure(
        .usage, "no \(what) was given", remedy: "give its source with \(option): file:PATH, fd:NUMBER, env:NAME or -")
    }
    return try source.read(what)
  }

  /// The secret; asked for on a terminal if there is no source.
  func answer(_ source: SecretSource?, confirming: Bool = false) throws -> Secret {
    if let source { return try source.readText(what) }
    guard Terminal.canAsk else {
      throw Failure(
        .usage, "no \(what) was given, and nobody can be asked",
        remedy: "give its source with \(option): file:PATH, fd:NUMBER, env:NAME or -")
    }
    let secret = try HiddenPrompt.ask(what)
    guard secret.count > 0 else { throw Failure(.badInput, "the \(what) is empty", remedy: "type it") }
    if confirming, !secret.matches(try HiddenPrompt.ask("\(what) again")) {
      throw Failure(.badInput, "the two differ", remedy: "try again")
    }
    return secret
  }
}
