import DriveFirmware

/// How fast a drive's mechanism is. The formulas are in `docs/disc-image.md`; times here are in seconds.
public struct MechanicalTiming: Hashable, Sendable {
  /// Revolutions of the medium in a minute, 1 to 100,000.
  public let revolutionsPerMinute: Double
  /// Time from one track to the next.
  public let shortestSeek: Double
  /// Mean time between two tracks drawn by lot.
  public let averageSeek: Double
  /// Time to jump back one track, and to turn the bias field: needed between two passes over the same sectors.
  public let turnaround: Double
  /// Octets that the drive reads ahead while the host is thinking.
  public let readAheadOctets: UInt32
  /// Whether what is written is verified.
  public let verifiesWrites: Bool

  /// A mechanism; as the drives of 1998 unless told otherwise. Values that no drive has become the nearest that one could.
  public init(
    revolutionsPerMinute: Double = 3600, shortestSeek: Double = 0.005, averageSeek: Double = 0.025,
    turnaround: Double = 0.001, readAheadOctets: UInt32 = 2 << 20, verifiesWrites: Bool = true
  ) {
    func time(_ value: Double) -> Double { value.isFinite ? min(max(value, 0), 10) : 0 }
    self.revolutionsPerMinute = revolutionsPerMinute.isFinite ? min(max(revolutionsPerMinute, 1), 100_000) : 3600
    self.shortestSeek = time(shortestSeek)
    self.averageSeek = max(time(averageSeek), time(shortestSeek))
    self.turnaround = time(turnaround)
    self.readAheadOctets = readAheadOctets
    self.verifiesWrites = verifiesWrites
  }

  /// T: the time of one revolution.
  public var revolution: Double { 60 / revolutionsPerMinute }

  /// p: passes in which sectors are written.
  public var passes: Int { verifiesWrites ? 3 : 2 }

  /// t: the time of one sector of a band.
  public func sector(of band: MediumBand) -> Double { revolution / Double(band.sectorsPerRevolution) }

  /// Time to get over `distance` of `total` tracks: it grows with the root of the distance, as acceleration does, and is
  /// ``averageSeek`` on average, since the mean root of a distance drawn by lot is 8/15.
  public func seek(over distance: UInt32, of total: UInt32) -> Double {
    guard distance > 0 else { return 0 }
    let part = Double(distance) / Double(max(total, distance))
    return shortestSeek + (averageSeek - shortestSeek) * 15 / 8 * part.squareRoot()
  }

  /// c: sectors that are written in one go. The others of the revolution pass while the head jumps back to their first.
  public func chunk(of band: MediumBand) -> UInt32 {
    let lost = (turnaround / sector(of: band)).rounded(.up)
    return lost < Double(band.sectorsPerRevolution) ? max(band.sectorsPerRevolution - UInt32(lost), 1) : 1
  }

  /// Revolutions from the beginning of one pass over a chunk to the beginning of the next.
  func revolutionsPerPass(of band: MediumBand) -> Double {
    ((Double(chunk(of: band)) * sector(of: band) + turnaround) / revolution - 1e-9).rounded(.up)
  }
}
