import Octets

/// A response: data, perhaps none, and the status word (ISO/IEC 7816-4, 5.2).
public struct ResponseAPDU: Hashable, Sendable {
  /// Response data field, 0 to 65,536 octets.
  public var data: [UInt8]
  /// SW1 SW2.
  public var status: StatusWord

  /// A response.
  public init(data: [UInt8] = [], status: StatusWord) {
    self.data = data
    self.status = status
  }

  /// Reads a whole response APDU.
  ///
  /// - Throws: ``APDUError/tooShort`` when there is no status word, ``APDUError/wrongLength`` for over 65,536 octets of data.
  public init(parsing octets: RawSpan) throws(APDUError) {
    guard octets.byteCount >= 2 else { throw .tooShort }
    let end = octets.byteCount - 2
    guard end <= CommandAPDU.extendedLeLimit else { throw .wrongLength }
    data = octets.extracting(0..<end).octets
    status = StatusWord(octets[octet: end], octets[octet: end + 1])
  }

  /// The response as octets.
  public var encoded: [UInt8] { data + [status.sw1, status.sw2] }
}
