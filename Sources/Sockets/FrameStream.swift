import Glibc
import ISO7816
import Octets

/// Frames of a virtual reader (``ReaderFrame``) over a stream socket, in either direction.
///
/// Both buffers are reused: once a frame of its size went through, nothing is allocated. They are wiped after each frame,
/// since frames carry PINs and keys.
public final class FrameStream {
  /// What carries the frames.
  public let socket: StreamSocket
  private let input: UnsafeMutableRawBufferPointer
  /// Octets of `input` that came, and the frame at its beginning, if it was given out.
  private var filled = 0
  private var given = 0
  private let output = OctetBuffer(capacity: ReaderFrame.lengthOctets + ReaderFrame.bodyLimit)

  /// Frames over `socket`.
  public init(_ socket: StreamSocket) {
    self.socket = socket
    input = .allocate(byteCount: ReaderFrame.lengthOctets + ReaderFrame.bodyLimit, alignment: 16)
  }

  deinit {
    forget()
    input.deallocate()
  }

  /// Waits for the next frame.
  ///
  /// - Returns: `false` when the other end closed between two frames, or on ``StreamSocket/interrupt()``.
  /// - Throws: ``SocketError/Code/ended`` when it closed within one, ``SocketError/Code/timeout`` when the time is up;
  ///   what came of a frame until then is kept.
  public func receive(until deadline: ContinuousClock.Instant? = nil) throws(SocketError) -> Bool {
    dropGiven()
    while true {
      if let length, filled >= length {
        given = length
        return true
      }
      if let deadline {
        guard try socket.waitForInput(until: deadline) else { throw SocketError(.timeout, socket.address) }
      }
      let count = try socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: input[filled...]))
      guard count > 0 else {
        guard filled == 0 else { throw SocketError(.ended, socket.address) }
        return false
      }
      filled += count
    }
  }

  /// Lends the body of the frame that came last.
  public func withBody<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let octets = input[min(ReaderFrame.lengthOctets, given)..<given]
    return try body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: octets)))
  }

  /// Sends one frame: length and body together, so that no body has to wait for an acknowledgement.
  ///
  /// - Throws: ``SocketError``; EMSGSIZE for a body longer than a frame.
  public func send(_ body: RawSpan) throws(SocketError) {
    defer { output.wipe() }
    do throws(OctetError) {
      guard body.byteCount <= ReaderFrame.bodyLimit else { throw OctetError.full }
      try output.append(UInt16(body.byteCount))
      try output.append(body)
    } catch {
      throw SocketError(.system(EMSGSIZE), socket.address)
    }
    try output.withBytes { (frame) throws(SocketError) in try socket.send(frame) }
  }

  /// Length of the whole frame at the beginning of `input`, once that is known.
  private var length: Int? {
    guard filled >= ReaderFrame.lengthOctets else { return nil }
    return ReaderFrame.lengthOctets + (Int(input[0]) << 8 | Int(input[1]))
  }

  /// Makes room for the next frame; what came after the last one moves to the front.
  private func dropGiven() {
    guard given > 0 else { return }
    let rest = filled - given
    if rest > 0 { input.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[given..<filled])) }
    UnsafeMutableRawBufferPointer(rebasing: input[rest..<filled]).initializeMemory(as: UInt8.self, repeating: 0)
    filled = rest
    given = 0
  }

  private func forget() {
    given = filled
    dropGiven()
  }
}
