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
    Check("a stopped medium is not ready until it is started") { bench in
      try bench.demandGood(.startStopUnit(start: false))
      defer { _ = try? bench.transport.execute(.startStopUnit(start: true)) }
      try bench.demandCheck(.initializingCommandRequired, .testUnitReady)
      try bench.demandCheck(
        .initializingCommandRequired, .read(BlockRange(first: 0, count: 1)), fetching: bench.blockSize)
      try bench.demandGood(.startStopUnit(start: true))
      try bench.demandGood(.testUnitReady)
    },
  ]

  static let attentions: [Check] = []
}
