import DriveFirmware

/// The head over the turning medium: where it is, and when it will have done what it is told.
///
/// Sector `o` of a band passes the head whenever the medium has turned `o / n` more than whole revolutions, n being the
/// band's sectors in a revolution.
struct Mechanism {
  let timing: MechanicalTiming
  private let bands: [MediumBand]
  private let trackCount: UInt32
  private let blockSize: Double
  /// The track under the head.
  private var track: UInt32 = 0
  /// When the head is done, in seconds of the clock.
  private(set) var moment: Double = 0
  /// The sector behind the last one that was read, if reading was the last that was done.
  private var readEnd: UInt32?

  init(_ timing: MechanicalTiming, _ geometry: MediumGeometry) {
    self.timing = timing
    bands = geometry.bands
    trackCount = bands.last.map { $0.firstTrack + $0.trackCount } ?? 1
    blockSize = Double(geometry.blockSize)
  }

  /// The clock shows this: the host was thinking since the head was done.
  ///
  /// - Parameter next: the sector to be read, if it is to be read. Where the last reading ended, the drive has read
  ///   on meanwhile, as far as its buffer reaches.
  mutating func begin(at now: Double, reading next: UInt32? = nil) {
    guard let next, next == readEnd else {
      readEnd = nil
      return moment = max(moment, now)
    }
    let band = band(of: next)
    let ahead = Double(timing.readAheadOctets) / blockSize * timing.sector(of: band)
    if now - moment > ahead { moment = now - ahead }
  }

  /// Reads, or verifies, consecutive sectors.
  mutating func read(_ sectors: Range<UInt32>) {
    for (part, band) in parts(of: sectors) {
      if part.lowerBound != readEnd { arrive(at: part.lowerBound, of: band, after: 0) }
      pass(part, band)
      readEnd = part.upperBound
    }
  }

  /// Erases consecutive sectors.
  mutating func erase(_ sectors: Range<UInt32>) {
    readEnd = nil
    for (part, band) in parts(of: sectors) {
      arrive(at: part.lowerBound, of: band, after: timing.turnaround)
      pass(part, band)
    }
  }

  /// Erases, writes and verifies consecutive sectors, chunk by chunk.
  mutating func write(_ sectors: Range<UInt32>) {
    readEnd = nil
    for (part, band) in parts(of: sectors) {
      let chunk = timing.chunk(of: band)
      let back = Double(timing.passes - 1) * timing.revolutionsPerPass(of: band) * timing.revolution
      var start = part.lowerBound
      while start < part.upperBound {
        let end = min(start + chunk, part.upperBound)
        arrive(at: start, of: band, after: timing.turnaround)
        moment += back
        pass(start..<end, band)
        start = end
      }
    }
  }

  /// Moves to another track if need be, and waits for a sector, at least as long as `after`.
  private mutating func arrive(at sector: UInt32, of band: MediumBand, after pause: Double) {
    let target = self.track(of: sector, band)
    let distance = target > track ? target - track : track - target
    let ready = moment + max(timing.seek(over: distance, of: trackCount), pause)
    let turned = ready / timing.revolution
    let place = Double((sector - band.firstSector) % band.sectorsPerRevolution) / Double(band.sectorsPerRevolution)
    var rest = place - (turned - turned.rounded(.down))
    if rest < 0 { rest += 1 }
    // What is under the head this very moment is not missed for a rounding error.
    moment = ready + (rest > 1 - 1e-4 ? 0 : rest) * timing.revolution
    track = target
  }

  private mutating func pass(_ sectors: Range<UInt32>, _ band: MediumBand) {
    moment += Double(sectors.count) * timing.sector(of: band)
    track = self.track(of: sectors.upperBound, band)
  }

  private func track(of sector: UInt32, _ band: MediumBand) -> UInt32 {
    band.firstTrack + (sector - band.firstSector) / band.sectorsPerRevolution
  }

  private func band(of sector: UInt32) -> MediumBand {
    bands.last { $0.firstSector <= sector } ?? bands[0]
  }

  private func parts(of sectors: Range<UInt32>) -> [(Range<UInt32>, MediumBand)] {
    bands.compactMap { band in
      let part = sectors.clamped(to: band.firstSector..<band.endSector)
      return part.isEmpty ? nil : (part, band)
    }
  }
}
