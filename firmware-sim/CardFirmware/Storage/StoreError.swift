/// Why the store refused. After ``failed`` it answers nothing but ``failed`` until it is mounted again.
public enum StoreError: Error, Equatable {
  /// The values would not fit; nothing changed, and removing still works.
  case full
  /// A value longer than ``KeyValueStore/maximumValueOctets``, or more keys than the index holds; nothing changed.
  case tooLarge
  /// What is in the flash is no store, or one that something else than a power cut has harmed. Nothing was written.
  case damaged
  /// The geometry is none that a store can live in.
  case badGeometry
  /// A change or a commit outside of a batch.
  case noBatch
  /// The flash failed; the batch is in the old or in the new state, which the next mount finds out.
  case failed
}

/// The name of a value: 1...65,534.
public struct StoreKey: RawRepresentable, Hashable, Sendable {
  /// The number.
  public let rawValue: UInt16

  /// The key of this number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }
}
