import Identifiers

/// Which medium this is (M3, IDk of the seeds), how that was learnt, and how much it is worth.
public struct MediumIdentity: Hashable, Sendable {
  /// Where the id came from.
  public enum Source: Hashable, Sendable {
    /// READ MEDIA SERIAL NUMBER, ABh/01h (SPC-4, 6.28): the medium's own number, outside the user's addresses.
    case readMediaSerialNumber
    /// VPD page 80h (SPC-4, 7.8.15): the device's number, for devices whose medium cannot be taken out, as USB sticks.
    case unitSerialNumber
  }

  /// How hard it is to lie about the id.
  public enum Strength: Hashable, Sendable {
    /// The host read it and says so: a host that lies names any id it likes.
    case hostAsserted
  }

  /// The id.
  public let id: MediumID
  /// Where it came from.
  public let source: Source
  /// How hard it is to lie about.
  public let strength: Strength

  /// An identity.
  public init(id: MediumID, source: Source, strength: Strength) {
    self.id = id
    self.source = source
    self.strength = strength
  }
}
