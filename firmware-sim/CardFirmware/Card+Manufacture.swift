import CardProtocol
import Octets

/// What the factory does, before there is a card to send commands to.
extension Card {
  /// Writes a blank card (OP_READY) with a transport key set into an empty store, in one atomic batch.
  ///
  /// - Parameters:
  ///   - serial: 8 octets, unique.
  ///   - profile: what kind of card.
  ///   - transportKeys: ENC ‖ MAC ‖ DEK, three keys of 16, 24 or 32 octets.
  ///   - lifeCycleData: the 42 octets of CPLC (GlobalPlatform 2.3.1, 11.3.3.3).
  /// - Throws: ``FirmwareError/damaged`` when the store holds a card already, or the profile is impossible.
  public static func manufacture(
    in store: KeyValueStore, serial: InlineArray<8, UInt8>, profile: CardProfile, transportKeys: RawSpan,
    lifeCycleData: InlineArray<42, UInt8>
  ) throws(FirmwareError) {
    guard store.withValue(CardLayout.production, { _ in true }) == nil else { throw .damaged }
    let keyOctets = transportKeys.byteCount / 3
    guard transportKeys.byteCount == 3 * keyOctets, keyOctets == 16 || keyOctets == 24 || keyOctets == 32 else {
      throw .badKey
    }
    let production = ProductionData(serial: serial, profile: profile, lifeCycleData: lifeCycleData)
    let record = OctetBuffer(capacity: 256)
    defer { record.wipe() }
    do { try production.encode(into: record) } catch { throw .damaged }
    let version = profile.hasTestKeys ? KeyVersion.testSet : KeyVersion.transportSet
    do {
      store.begin()
      try record.withBytes { (octets) throws(StoreError) in try store.put(CardLayout.production, octets) }
      let state = InlineArray<1, UInt8>(repeating: LifeCycle.operatingReady.rawValue)
      try store.put(CardLayout.lifeCycle, state.span.bytes)
      record.wipe()
      try? record.append(UInt8(keyOctets))
      try? record.append(transportKeys)
      try record.withBytes { (octets) throws(StoreError) in try store.put(CardLayout.keySet(version), octets) }
      try store.commit()
    } catch {
      store.abandon()
      throw .storage(error)
    }
  }
}
