import ISO7816
import Octets
import Testing

/// Frames of vpcd's protocol (vsmartcard, `vpcd.h`), written out by hand.
@Suite struct ReaderFrameTests {
  @Test(arguments: [
    (ReaderFrame.powerOff, [0, 1, 0] as [UInt8]), (.powerOn, [0, 1, 1]), (.reset, [0, 1, 2]),
    (.answerToResetRequest, [0, 1, 4]), (.command([0x00, 0xA4, 0x04, 0x00]), [0, 4, 0x00, 0xA4, 0x04, 0x00]),
    (.command([]), [0, 0]),
  ])
  func bothWays(_ frame: ReaderFrame, _ octets: [UInt8]) throws {
    #expect(try frame.encoded() == octets)
    let body = Array(octets.dropFirst(2))
    #expect(try ReaderFrame(parsing: body.span.bytes) == frame)
  }

  @Test func longestCommand() throws {
    let command = [UInt8](repeating: 7, count: 65_535)
    #expect(try ReaderFrame.command(command).encoded().prefix(3) == [0xFF, 0xFF, 7])
    #expect(throws: ReaderFrameError.tooLong) { try ReaderFrame.command(command + [7]).encoded() }
    let long = command + [7]
    #expect(throws: ReaderFrameError.tooLong) { try ReaderFrame(parsing: long.span.bytes) }
  }

  @Test func oneOctetIsControlOrNothing() {
    #expect(throws: ReaderFrameError.tooShort) { try ReaderFrame.command([0x00]).encoded() }
    for octet in UInt8.min...UInt8.max where ![0, 1, 2, 4].contains(octet) {
      let body = [octet]
      #expect(throws: ReaderFrameError.unknownControl) { try ReaderFrame(parsing: body.span.bytes) }
    }
  }
}
