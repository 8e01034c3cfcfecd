import CLinux
import Cryptography

/// Memory for one segment, wiped when it is let go: it holds plaintext at times.
final class SegmentBuffer {
  let octets: UnsafeMutableRawBufferPointer

  init(count: Int = Content.parameters.segmentOctets) {
    octets = .allocate(byteCount: count, alignment: 4_096)
  }

  deinit {
    if let base = octets.baseAddress { warifu_wipe(base, octets.count) }
    octets.deallocate()
  }
}
