/// SHA-256 over the SHA-256 digests of a file's pieces: of every whole mebibyte, and of what is left behind the last one.
///
/// Whoever knows the digests of the pieces, because they go into a manifest, has this one without hashing an octet twice,
/// and pieces can be hashed at the same time. A file of nothing has no pieces.
public struct PieceDigest: ~Copyable {
  /// Octets in a piece but the last.
  public static let pieceOctets = 1 << 20

  private var digests: [UInt8] = []
  private var piece = SHA256Hasher()
  private var filled = 0

  /// A digest of nothing yet.
  public init() {}

  /// Takes in the next octets of the file, however they are cut.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, PieceDigest.pieceOctets - filled)
      piece.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
      filled += count
      if filled == PieceDigest.pieceOctets { endPiece() }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// The digest, 32 octets.
  public consuming func finalize() -> [UInt8] {
    if filled > 0 { endPiece() }
    return Digest.sha256(digests)
  }

  private mutating func endPiece() {
    var ended = SHA256Hasher()
    swap(&ended, &piece)
    filled = 0
    digests += ended.finalize()
  }

  /// The digest of a file whose pieces have `digests`, in their order.
  public static func combining(_ digests: some Sequence<[UInt8]>) -> [UInt8] {
    Digest.sha256(Array(digests.joined()))
  }
}
