import Cryptography
import Foundation
import Octets
import SecureChannel
import Synchronization
import Testing

/// The octets that `text` spells; a vector with a typing error is a failed test, not an empty array.
func hex(_ text: String, _ location: SourceLocation = #_sourceLocation) throws -> [UInt8] {
  try #require(Hex.decode(text), "not hexadecimal: \(text)", sourceLocation: location)
}

/// `octets` in lower case, as vectors print them.
func spell(_ octets: [UInt8]) -> String { Hex.encode(octets).lowercased() }

func spell(_ secret: borrowing Secret) -> String { spell(secret.withBytes { $0.octets }) }

func octets(_ secret: borrowing Secret) -> [UInt8] { secret.withBytes { $0.octets } }

/// A key from a vector.
func secret(_ text: String) throws -> Secret { Secret(copying: try hex(text)) }

/// A source that gives the octets it was made of, in order, then nothing but a trap: for vectors with given nonces.
final class FixedRandom: RandomSource {
  private let rest: Mutex<[UInt8]>

  init(_ octets: [UInt8]) { rest = Mutex(octets) }

  func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    rest.withLock { rest in
      buffer.copyBytes(from: rest.prefix(buffer.count))
      rest.removeFirst(buffer.count)
    }
  }
}

/// A foreign implementation that a test compares with: a Python script that reads JSON and writes JSON.
func python<Answer: Decodable>(_ script: String, _ question: some Encodable) throws -> Answer {
  let answer = try run("python3", ["-c", script], input: JSONEncoder().encode(question))
  return try JSONDecoder().decode(Answer.self, from: answer)
}

/// Runs a program, and answers what it printed.
@discardableResult
func run(_ program: String, _ arguments: [String], input: Data = Data()) throws -> Data {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let (standardInput, standardOutput) = (Pipe(), Pipe())
  process.standardInput = standardInput
  process.standardOutput = standardOutput
  try process.run()
  try standardInput.fileHandleForWriting.write(contentsOf: input)
  try standardInput.fileHandleForWriting.close()
  let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw ProgramFailed(program: program, status: process.terminationStatus) }
  return output
}

struct ProgramFailed: Error {
  var program: String
  var status: Int32
}

/// Runs `body` with a folder of its own that is gone afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// An engine with one key in slot 0.
func engine(with key: [UInt8]) throws -> OpenSSLEngine {
  let engine = OpenSSLEngine(random: SeededRandom(seed: 1))
  try engine.load(key.span.bytes, into: .first)
  return engine
}

extension KeySlot {
  static let first = KeySlot(rawValue: 0)
  static let second = KeySlot(rawValue: 1)
}

let nothing: [UInt8] = []

/// Lends an array to an engine for changes in place.
func change(
  _ octets: inout [UInt8], _ body: (inout MutableRawSpan) throws(CryptoError) -> Void
) throws(CryptoError) {
  var span = octets.mutableSpan
  var bytes = span.mutableBytes
  try body(&bytes)
}
