import CardDriver
import Cryptography
import Foundation
import ISO7816
import Synchronization

/// Sessions that `--record` keeps, until the command ends and their files are written.
enum SessionFiles {
  /// One session and where it goes.
  private struct Pending: @unchecked Sendable {
    // Sendable: a command talks to its cards from one task, and saves when that is done.
    let recorder: RecordingTransport
    let path: String
    let key: KeyHolder
  }

  /// A noncopyable secret where a closure or an array wants a reference.
  private final class KeyHolder: Sendable {
    let secret: Secret

    init(_ secret: consuming Secret) { self.secret = secret }
  }

  private static let pending = Mutex<[Pending]>([])

  /// A way to a card that is recorded into a file that is not there yet.
  static func record(
    _ transport: any APDUTransport, to path: String, key: consuming Secret, seed: UInt64?
  ) throws -> any APDUTransport {
    try NewPath.checkFolder(of: path)
    guard !FileManager.default.fileExists(atPath: path) else {
      throw CardRecordingError(.exists, path)
    }
    let recorder = RecordingTransport(transport, seed: seed)
    let session = Pending(recorder: recorder, path: path, key: KeyHolder(key))
    pending.withLock { $0.append(session) }
    return recorder
  }

  /// Writes what was recorded.
  static func save() throws {
    let sessions = pending.withLock { sessions in
      defer { sessions = [] }
      return sessions
    }
    for session in sessions {
      try session.recorder.recording.write(to: session.path, key: session.key.secret, random: SystemRandom())
    }
  }
}
