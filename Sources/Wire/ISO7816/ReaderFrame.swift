import Octets

/// What a reader says to an emulated card over a stream: the frames of vsmartcard's virtual reader, vpcd.
///
/// A frame is the length of its body, 16 bits, big-endian, then the body. From the reader a body of one octet is a
/// control octet, any other a command APDU. The card answers ``answerToResetRequest`` with its ATR and a command with its
/// response, framed alike, and says nothing to the other three. One octet in place of a response means that the card did
/// not answer; at an empty body vpcd would wait for ever, and pcscd with it.
///
/// So a command APDU of one octet, malformed anyway, cannot be sent.
public enum ReaderFrame: Hashable, Sendable {
  /// Takes the power away.
  case powerOff
  /// Gives the power.
  case powerOn
  /// Resets the card without taking its power away.
  case reset
  /// Asks for the answer to reset. vpcd asks for it every 400 ms to see whether the card is still there.
  case answerToResetRequest
  /// A command APDU as it stands.
  case command([UInt8])

  /// Control octets.
  public enum Control: UInt8, Sendable {
    /// Takes the power away.
    case powerOff = 0
    /// Gives the power.
    case powerOn = 1
    /// Resets the card.
    case reset = 2
    /// Asks for the answer to reset.
    case answerToResetRequest = 4
  }

  /// Octets of the length in front of a body.
  public static let lengthOctets = 2
  /// Octets of the longest body.
  public static let bodyLimit = 65_535

  /// Reads a body that came from a reader.
  ///
  /// - Throws: ``ReaderFrameError/unknownControl`` for one octet that is no control octet, ``ReaderFrameError/tooLong``.
  public init(parsing body: RawSpan) throws(ReaderFrameError) {
    guard body.byteCount <= ReaderFrame.bodyLimit else { throw .tooLong }
    guard body.byteCount == 1 else {
      self = .command(body.octets)
      return
    }
    switch Control(rawValue: body[octet: 0]) {
    case .powerOff: self = .powerOff
    case .powerOn: self = .powerOn
    case .reset: self = .reset
    case .answerToResetRequest: self = .answerToResetRequest
    case nil: throw .unknownControl
    }
  }

  /// The whole frame: length and body.
  ///
  /// - Throws: ``ReaderFrameError/tooLong``, or ``ReaderFrameError/tooShort`` for a command of one octet.
  public func encoded() throws(ReaderFrameError) -> [UInt8] {
    switch self {
    case .powerOff: return ReaderFrame.frame(.powerOff)
    case .powerOn: return ReaderFrame.frame(.powerOn)
    case .reset: return ReaderFrame.frame(.reset)
    case .answerToResetRequest: return ReaderFrame.frame(.answerToResetRequest)
    case .command(let octets):
      guard octets.count != 1 else { throw .tooShort }
      guard octets.count <= ReaderFrame.bodyLimit else { throw .tooLong }
      return [UInt8(octets.count >> 8), UInt8(octets.count & 0xFF)] + octets
    }
  }

  private static func frame(_ control: Control) -> [UInt8] { [0, 1, control.rawValue] }
}

/// Why octets are no frame of a reader.
public enum ReaderFrameError: Error, Equatable {
  /// A body of one octet that is no control octet.
  case unknownControl
  /// A command of one octet, which would be taken for a control octet.
  case tooShort
  /// More than ``ReaderFrame/bodyLimit`` octets.
  case tooLong
}
