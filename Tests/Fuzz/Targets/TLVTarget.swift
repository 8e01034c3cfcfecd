import ISO7816
import Octets

/// A walk over data objects ends, stays inside the octets, and writing an object back gives one that reads the same.
enum TLVTarget {
  /// Deeper than anything of ours nests.
  private static let depthLimit = 16

  static func run(_ input: [UInt8]) throws {
    try walk(input.span.bytes, depth: 0)
    // The first four octets as a tag to look for in the rest.
    var reader = OctetReader(input.span.bytes)
    guard let tag = try? reader.u32(), let rest = try? reader.take(input.count - 4) else { return }
    guard let found = try? BERTLV.firstValue(of: tag, in: rest) else { return }
    try promise(BERTLV.isWellFormed(tag), "a tag that was found is one")
    try promise(found.byteCount <= rest.byteCount, "a value lies inside its octets")
  }

  private static func walk(_ octets: RawSpan, depth: Int) throws {
    var reader = TLVReader(octets)
    var consumed = 0
    while !reader.isAtEnd {
      guard let element = try? reader.next() else { return }
      let value = element.value.octets
      try promise(BERTLV.isWellFormed(element.tag), "a tag that was read is well formed")
      let written = BERTLV.encode(tag: element.tag, value: value)
      consumed += written.count
      try promise(consumed <= octets.byteCount, "objects in their shortest form fit where they came from")
      var again = TLVReader(written.span.bytes)
      let copy = try again.next()
      try promise(copy.tag == element.tag && copy.value.octets == value && again.isAtEnd, "an object reads back")
      if element.isConstructed, depth < depthLimit { try walk(element.value, depth: depth + 1) }
    }
  }
}
