import Foundation
import Glibc
import Synchronization

/// A pcscd of one's own, with readers of vpcd: its socket, its configuration and its ports are nobody else's, and the
/// machine's daemon and readers never hear of it.
///
/// It lives in a mount namespace where a folder of its own lies over `/run/pcscd`, so the socket in that folder is
/// visible outside. Clients find it by ``environment``. It ends with ``stop()``, or by itself when the process that
/// started it is gone, however that ended; its folder goes with it.
public final class PrivateDaemon: Sendable {
  /// The most readers one pcscd has (`PCSCLITE_MAX_READERS_CONTEXTS`).
  public static let mostSlots = 16

  /// Where vpcd listens for cards, slot by slot, on every interface; cards connect to 127.0.0.1.
  public let ports: [UInt16]
  /// What pcscd calls these slots.
  public let readers: [String]

  private let folder: DaemonFolder
  private let supervisor: Mutex<Supervisor>

  private init(ports: [UInt16], readers: [String], folder: DaemonFolder, supervisor: consuming sending Supervisor) {
    self.ports = ports
    self.readers = readers
    self.folder = folder
    self.supervisor = Mutex(supervisor)
  }

  /// Starts a daemon and answers when it takes clients and each of its slots takes a card.
  ///
  /// - Parameter slots: how many readers, 1 to ``mostSlots``.
  /// - Throws: ``PrivateDaemonError``, which says why, in pcscd's own words where there are some.
  public static func start(slots: Int) throws -> PrivateDaemon {
    guard (1...mostSlots).contains(slots) else {
      throw PrivateDaemonError("A daemon has 1 to \(mostSlots) slots, not \(slots).")
    }
    // Between finding a port free and vpcd's listening there, another program may take it: then with others.
    for _ in 1...5 {
      let ports = try FreePorts.pairs((slots + 1) / 2)
      let folder = try DaemonFolder(ports: ports)
      do {
        if let supervisor = try Supervisor.start(folder, ports: ports) {
          return PrivateDaemon(
            ports: Array(ports.prefix(slots)), readers: Array(folder.readers.prefix(slots)), folder: folder,
            supervisor: supervisor)
        }
      } catch {
        folder.remove()
        throw error
      }
      folder.remove()
    }
    throw PrivateDaemonError("Whatever ports vpcd was given, another program listened there first.")
  }

  /// What libpcsclite must find in the environment to come to this daemon.
  public var environment: [String: String] { ["PCSCLITE_CSOCK_NAME": folder.socket] }

  /// What pcscd and its drivers said so far.
  public var log: String { folder.logText }

  /// Leads this process's own calls of libpcsclite to this daemon. Must come before the first of them: the library asks
  /// the environment once.
  public func adopt() {
    for (name, value) in environment { setenv(name, value, 1) }
  }

  /// Ends the daemon at once, as a crash would, and starts it again with the same socket, readers and ports.
  public func restart() throws {
    try supervisor.withLock { supervisor in
      supervisor.stop()
      guard let started = try Supervisor.start(folder, ports: ports) else {
        throw PrivateDaemonError("Another program took one of the ports \(ports) in between.")
      }
      supervisor = started
    }
  }

  /// Ends the daemon and removes its folder. Its clients see their service go.
  public func stop() {
    supervisor.withLock { $0.stop() }
    folder.remove()
  }
}

/// Why there is no private daemon.
public struct PrivateDaemonError: Error, CustomStringConvertible {
  /// The reason, for people.
  public let description: String

  init(_ description: String) { self.description = description }
}
