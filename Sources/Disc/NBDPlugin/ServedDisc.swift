import DiscEmulator
import Glibc

/// The one disc that a server has open, for all its connections.
final class ServedDisc: Sendable {
  /// The disc.
  let disc: EmulatedDisc
  /// Held together by writes of whole blocks, and alone by those that must read a block first: else one of two
  /// neighbours in a block could lose what the other wrote.
  let blockGate = SharedLock()

  /// Opens an image.
  init(openingAt path: String, readOnly: Bool) throws(DiscImageError) {
    disc = try EmulatedDisc(openingAt: path, readOnly: readOnly)
    disc.writesOutEarly = false
  }

  /// The export of this name; `nil` if there is none.
  func export(named name: String) -> (any Export)? {
    switch name {
    case ExportName.blocks: BlockExport(of: self)
    case ExportName.mediumID: MediumIDExport(of: self)
    default: nil
    }
  }
}

/// A lock that many hold together, or one alone: pthread_rwlock(3).
final class SharedLock: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<pthread_rwlock_t>

  /// A lock that nobody holds.
  init() {
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_rwlock_t())
    pthread_rwlock_init(lock, nil)
  }

  deinit {
    pthread_rwlock_destroy(lock)
    lock.deallocate()
  }

  /// Runs `body` beside others that share.
  func shared<E: Error>(_ body: () throws(E) -> Void) throws(E) {
    pthread_rwlock_rdlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    try body()
  }

  /// Runs `body` alone.
  func alone<E: Error>(_ body: () throws(E) -> Void) throws(E) {
    pthread_rwlock_wrlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    try body()
  }
}
