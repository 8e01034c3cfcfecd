import ISO7816
import Octets

/// What a virtual reader says is read as one thing, and written back as it was.
enum FrameTarget {
  static func run(_ input: [UInt8]) throws {
    let frame: ReaderFrame
    do {
      frame = try ReaderFrame(parsing: input.span.bytes)
    } catch {
      let isControl = input.count == 1 && [0, 1, 2, 4].contains(input[0])
      return try promise(input.count == 1 && !isControl && error == .unknownControl, "all but odd octets are a frame")
    }
    let octets = try frame.encoded()
    try promise(Array(octets.dropFirst(ReaderFrame.lengthOctets)) == input, "a frame is written back as it was")
    let length = octets.prefix(ReaderFrame.lengthOctets).reduce(0) { $0 << 8 | Int($1) }
    try promise(length == input.count, "a frame counts its body")
  }
}
