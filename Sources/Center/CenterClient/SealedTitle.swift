import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel

/// The sealed octets of a title in a file, from a place in it on.
struct SealedTitle {
  let file: FileHandle
  /// Where they begin.
  var start: UInt64 = 0
  /// How many there are.
  let octets: UInt64

  /// ``Cryptography/PieceDigest`` over them.
  func digest() throws -> [UInt8] {
    var digest = PieceDigest()
    try file.seek(toOffset: start)
    var left = octets
    while left > 0, let piece = try file.read(upToCount: Int(min(left, UInt64(PieceDigest.pieceOctets)))),
      !piece.isEmpty
    {
      piece.withUnsafeBytes { digest.update($0) }
      left -= UInt64(piece.count)
    }
    return digest.finalize()
  }

  /// Opens them into `output`, segment by segment; whoever calls throws `output` away where this throws.
  ///
  /// - Returns: how many octets the title has.
  func open(into output: FileHandle, under key: borrowing Secret, of softwareID: SoftwareID) throws -> UInt64 {
    let shape = DownloadContent.parameters
    let count = try shape.segmentCount(ciphertextLength: octets)
    try file.seek(toOffset: start)
    let header = try file.read(upToCount: StreamingAEAD.headerOctets) ?? Data()
    var opener = try StreamOpener(
      key: key, associatedData: DownloadContent.associatedData(softwareID), header: [UInt8](header), parameters: shape)
    var buffer = [UInt8](repeating: 0, count: shape.segmentOctets)
    defer { for index in buffer.indices { buffer[index] = 0 } }
    var written: UInt64 = 0
    for number in 0..<count {
      guard let index = UInt32(exactly: number) else { throw CryptoError.notAuthentic }
      let range = try shape.ciphertextRange(ofSegment: index, ciphertextLength: octets)
      try file.seek(toOffset: start + range.lowerBound)
      let sealed = [UInt8](try file.read(upToCount: Int(range.count)) ?? Data())
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
}
