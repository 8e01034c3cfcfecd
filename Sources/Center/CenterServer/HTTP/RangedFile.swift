import Foundation
import HTTPTypes
import LicenseCenter
import NIOPosix
import Octets
import Synchronization

/// A file that is answered whole or in part (RFC 9110 §14), and streamed: no more of it is in memory than a few pieces
/// for each connection.
struct RangedFile: Sendable {
  /// The media type.
  static let type = "application/octet-stream"
  /// Octets that are read and sent at once. A client that does not take so many in the time that the server's limits
  /// give loses its connection.
  private static let pieceOctets = 64 * 1024

  /// Octets of the file.
  var octets: UInt64
  /// SHA-256 over its pieces: a file with another content has another.
  var digest: [UInt8]
  /// Opens a part of it: `start` is where the answer begins that the part belongs to.
  var open: @Sendable (_ part: Range<UInt64>, _ start: UInt64) async throws -> TitleSlice
  /// How many octets are opened at once.
  var partOctets: UInt64 = 8 << 20

  /// What tells this content from any other.
  private var tag: String { "\"\(Hex.encode(digest))\"" }

  /// The header fields by which a client asks for a part.
  static let parameters: [Endpoint.Parameter] = [
    .header(
      "Range", .text(.ascii(0...200)),
      "Which octets: bytes=0-999, bytes=1000- or bytes=-500. Anything else, and several ranges, get the whole file."),
    .header(
      "If-Range", .text(.ascii(0...200)), "The entity tag of what is there already; the whole file if it is not that."),
  ]

  /// What answers it.
  static func answer(_ summary: String) -> Endpoint.Answer {
    var answer = Endpoint.Answer.octets(type, summary)
    answer.others[.partialContent] = "A part of it, as Content-Range says."
    return answer
  }

  /// Answers a request.
  ///
  /// - Parameter delivered: where the answer may begin at the latest.
  /// - Throws: a ``Problem`` of the kind ``Problem/Kind/range``, and what `open` throws.
  func reply(to call: Call, startingBy delivered: UInt64? = nil) async throws -> Reply {
    let range = wanted(by: call)
    let part = range ?? 0..<octets
    guard !part.isEmpty || range == nil, part.lowerBound <= delivered ?? octets else {
      throw Problem(.range, "The file has \(octets) octets; begin at \(delivered ?? 0) or before.")
    }
    var headers: HTTPFields = [.acceptRanges: "bytes", .eTag: tag]
    if range != nil { headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(octets)" }
    return .stream(
      try await stream(part, isHead: call.isHead), type: RangedFile.type, status: range == nil ? .ok : .partialContent,
      headers: headers)
  }

  /// The part that is asked for; `nil` for all of it, and an empty one for octets that there are not.
  private func wanted(by call: Call) -> Range<UInt64>? {
    guard case .text(let text) = call.parameters["Range"] else { return nil }
    if case .text(let condition) = call.parameters["If-Range"], condition != tag { return nil }
    return ByteRange(text)?.range(in: octets)
  }

  /// The first part is opened before anything is answered, so that whatever forbids it becomes a problem.
  private func stream(_ range: Range<UInt64>, isHead: Bool) async throws -> ReplyStream {
    let parts = OpenParts()
    if !isHead, !range.isEmpty { parts.set(try await open(part(of: range, at: range.lowerBound), range.lowerBound)) }
    return ReplyStream(length: UInt64(range.count)) { offset in
      let position = range.lowerBound + offset
      var slice = parts.current
      if slice?.range.contains(position) != true {
        slice = try await open(part(of: range, at: position), range.lowerBound)
        parts.set(slice)
      }
      guard let slice else { return [] }
      // Disks may be slow, and the threads of tasks are everybody's.
      return try await NIOThreadPool.singleton.runIfActive {
        try slice.read(at: position, upTo: RangedFile.pieceOctets)
      }
    }
  }

  private func part(of range: Range<UInt64>, at position: UInt64) -> Range<UInt64> {
    position..<min(range.upperBound, position + min(partOctets, range.upperBound - position))
  }
}

/// One range as the header field Range has it.
private struct ByteRange {
  private var first: UInt64?
  private var last: UInt64?

  /// - Returns: `nil` for what is no single range of octets.
  init?(_ text: String) {
    let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard halves.count == 2, halves[0].trimmingCharacters(in: .whitespaces).lowercased() == "bytes" else { return nil }
    let ends = halves[1].split(separator: "-", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard ends.count == 2, ends != ["", ""], ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else {
      return nil
    }
    first = ByteRange.number(ends[0])
    last = ByteRange.number(ends[1])
    if let first, let last, last < first { return nil }
  }

  /// The octets of a file of this length that are meant; empty if there are none.
  func range(in octets: UInt64) -> Range<UInt64> {
    guard let first else { return octets - min(last ?? 0, octets)..<octets }
    guard first < octets else { return octets..<octets }
    return first..<min(last ?? octets - 1, octets - 1) + 1
  }

  /// The number of these digits, if there are any. No file has more octets than 64 bits count.
  private static func number(_ digits: String) -> UInt64? { digits.isEmpty ? nil : UInt64(digits) ?? .max }
}

/// The part of a file that is being read. One answer asks for one piece at a time.
private final class OpenParts: Sendable {
  private let slice = Mutex<TitleSlice?>(nil)
  var current: TitleSlice? { slice.withLock { $0 } }

  func set(_ slice: TitleSlice?) { self.slice.withLock { $0 = slice } }
}
