import Sockets

/// Where a card is present.
public enum PresenceAddress: Hashable, Sendable, CustomStringConvertible {
  /// In a slot of vsmartcard's virtual reader, and so of pcscd: the card connects to the slot's port.
  case vpcd(host: String, port: UInt16)
  /// At a Unix socket of its owner's: the card listens, and whoever calls plays the reader.
  case unixSocket(path: String)
  /// At a TCP port: the card listens, and whoever calls plays the reader.
  case tcp(host: String, port: UInt16)

  /// The port of vpcd's first slot as vsmartcard configures it; the others follow.
  public static let vpcdPort: UInt16 = 0x8C7B

  /// A slot of the reader on this machine, from 0; `nil` when there is no such port.
  public static func slot(_ number: Int) -> PresenceAddress? {
    guard number >= 0, let port = UInt16(exactly: Int(vpcdPort) + min(number, 65_536)) else { return nil }
    return .vpcd(host: "127.0.0.1", port: port)
  }

  /// The address of the socket.
  public var socket: SocketAddress {
    switch self {
    case .vpcd(let host, let port), .tcp(let host, let port): .tcp(host: host, port: port)
    case .unixSocket(let path): .unix(path: path)
    }
  }

  /// Whether it is the card that waits to be called.
  var isListening: Bool {
    if case .vpcd = self { false } else { true }
  }

  /// The slot's or socket's address, for people.
  public var description: String {
    guard case .vpcd(let host, let port) = self else { return socket.description }
    guard host == "127.0.0.1", port >= PresenceAddress.vpcdPort, port - PresenceAddress.vpcdPort < 64 else {
      return socket.description
    }
    return "slot \(port - PresenceAddress.vpcdPort)"
  }
}

/// What happens to an inserted card.
public enum PresenceEvent: Hashable, Sendable {
  /// It listens here; the reader may call.
  case listening(SocketAddress)
  /// No reader is there yet. It is tried again until there is one.
  case waiting(SocketError)
  /// Another card is in the slot. This one gets in when that one is out.
  case slotTaken
  /// A reader has found it.
  case inserted
  /// The reader has gone; the card lost its power, and waits for the next.
  case readerGone
  /// It was taken out.
  case ejected
  /// It was taken out, by a planned fault or for the reader's sake; it comes back by itself.
  case pulled(Cause)
  /// A planned fault keeps it from answering.
  case hanging
  /// It is broken and stays out: why, a sentence for people.
  case failed(String)

  /// What took the card out.
  public enum Cause: Hashable, Sendable {
    /// The power was cut while it wrote.
    case powerCut
    /// It was pulled before it answered.
    case pull
    /// The reader had not noticed that the card before it went, and takes this one for that.
    case overlooked
  }
}
