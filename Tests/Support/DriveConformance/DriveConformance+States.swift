import Octets
import SCSI

/// What a drive remembers: modes, locks, attentions.
extension DriveConformance {
  static let modes: [Check] = [
    Check("MODE SENSE (6) and (10) tell the same medium and the same pages") { bench in
      let shortAnswer = try bench.answer(.modeSense(), upTo: 252)
      let short = try ModeParameters(parsing: shortAnswer.span.bytes, isLong: false)
      let longAnswer = try bench.answer(.modeSense(long: true), upTo: 252)
      let long = try ModeParameters(parsing: longAnswer.span.bytes, isLong: true)
      try bench.demand(long, is: short, "MODE SENSE (10)")
      try bench.demand(!short.isWriteProtected, "the medium is write protected")
      if let capacity = short.capacity { try bench.demand(capacity, is: bench.capacity, "the block descriptor") }
    },
    Check("a mode page that is not there is refused") { bench in
      try bench.demandCheck(.invalidFieldInCDB, .modeSense(page: 0x3E), fetching: 252)
    },
  ]

  static let removal: [Check] = [
    Check("PREVENT keeps the medium in, ALLOW lets it go") { bench in
      try bench.demandGood(.preventAllowMediumRemoval(prevent: true))
      defer { _ = try? bench.transport.execute(.preventAllowMediumRemoval(prevent: false)) }
      try bench.demandCheck(.mediumRemovalPrevented, .startStopUnit(start: false, loadEject: true))
      try bench.demandGood(.testUnitReady)
      try bench.demandGood(.preventAllowMediumRemoval(prevent: false))
    },
    Check("a stopped medium is read again when it is started") { bench in
      let before = try bench.read(BlockRange(first: 0, count: 1))
      try bench.demandGood(.startStopUnit(start: false))
      // A drive either waits for START or starts by itself when it is asked for something.
      let outcome = try bench.transport.execute(.testUnitReady)
      if outcome.status != .good { try bench.demandCheck(.initializingCommandRequired, .testUnitReady) }
      try bench.demandGood(.startStopUnit(start: true))
      try bench.demandGood(.testUnitReady)
      try bench.demand(octets: try bench.read(BlockRange(first: 0, count: 1)), are: before, "block 0")
    },
  ]

  static let attentions: [Check] = [
    Check("a mode that one initiator changes is told to the others, once") { bench in
      guard bench.drive.hasManyInitiators else { return }
      let other = try bench.otherInitiator()
      let page = try bench.answer(.modeSense(page: 0x08), upTo: 252)
      try bench.demand(page.count >= 4, "the answer is too short")
      // MODE SELECT takes back what MODE SENSE gave, its length and the drive's own bits cleared (SPC-4, 7.5.4).
      var parameters = page
      parameters[0] = 0
      parameters[2] = 0
      let start = 4 + Int(page[3])
      guard start + 2 < parameters.count, parameters[start] & 0x3F == 0x08 else {
        throw Unmet("there is no caching page", #line)
      }
      parameters[start] &= 0x3F
      let select = try bench.cdb("15 10 00 00 \(Hex.encode([UInt8(parameters.count)])) 00")
      parameters[start + 2] ^= 0x04
      try bench.demandGood(select, sending: parameters)
      defer {
        parameters[start + 2] ^= 0x04
        _ = try? bench.transport.send(select, parameters.span.bytes)
      }
      try bench.demandCheck(.modeParametersChanged, .testUnitReady, on: other)
      try bench.demandGood(.testUnitReady, on: other)
      try bench.demandGood(.testUnitReady)
    }
  ]
}
