import CardProtocol
import ISO7816
import Octets

/// MANAGE CHANNEL (ISO/IEC 7816-4, 11.2.3; status words as in Java Card's runtime environment, 4.5.1 and 4.6.1).
extension Card {
  /// P1 00 opens and P1 80 closes; P2 is the channel, or 00 for the first that is closed, or for the command's own.
  func manageChannel(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard lifeCycle != .cardLocked, header.p1 == 0x00 || header.p1 == 0x80 else { throw .functionNotSupported }
    guard data.byteCount == 0 else { throw .wrongLength }
    // ISO/IEC 7816-4 knows channels up to 19.
    guard header.p2 < 20 else { throw .functionNotSupported }
    if header.p1 == 0x80 { return try closeChannel(header.p2 == 0 ? channels.number : header.p2) }
    try openChannel(header.p2)
    return .ok
  }

  private func openChannel(_ wanted: UInt8) throws(StatusWord) {
    guard wanted == 0 else {
      guard wanted < LogicalChannels.count, !channels.isOpen(wanted) else { throw .incorrectP1P2 }
      return channels.open(wanted)
    }
    guard let number = channels.firstClosed else { throw .functionNotSupported }
    try writing { () throws(OctetError) in try output.append(number) }
    channels.open(number)
  }

  /// A channel that is closed already is a warning; the basic one is never closed.
  private func closeChannel(_ number: UInt8) throws(StatusWord) -> StatusWord {
    guard number != 0 else { throw .functionNotSupported }
    guard channels.isOpen(number) else { return .noInformation }
    if session.channel == number { endSession() }
    channels.close(number)
    return .ok
  }
}
