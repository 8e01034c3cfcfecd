import Octets
import SCSI

/// What a drive does with blocks.
extension DriveConformance {
  static let blocks: [Check] = [
    Check("what any form of WRITE writes, any form of READ reads") { bench in
      try bench.lending(8) { range in
        for (seed, form) in zip(UInt8(1)..., [TransferForm.ten, .twelve, .sixteen]) {
          let data = bench.pattern(8, seed: seed)
          try bench.demandGood(.write(range, form: form), sending: data)
          for other in [TransferForm.ten, .twelve, .sixteen] {
            guard let cdb = CDB.read(range, form: other) else { throw Unmet("no CDB", #line) }
            try bench.demand(octets: try bench.answer(cdb, upTo: data.count), are: data, "what was written")
          }
        }
      }
    },
    Check("READ (6) and WRITE (6) reach what their 21 bits reach") { bench in
      let range = BlockRange(first: min(bench.playground, 0x1F_0000), count: 2)
      let before = try bench.read(range)
      let data = bench.pattern(2, seed: 9)
      try bench.demandGood(.write(range, form: .six), sending: data)
      guard let cdb = CDB.read(range, form: .six) else { throw Unmet("no CDB", #line) }
      try bench.demand(octets: try bench.answer(cdb, upTo: data.count), are: data, "what was written")
      try bench.demandGood(.write(range), sending: before)
    },
    Check("the largest transfer arrives whole, and moves nothing else") { bench in
      let count = UInt32(bench.drive.maximumTransfer / bench.blockSize)
      try bench.lending(count) { range in
        let next = BlockRange(first: range.first + UInt64(count), count: 1)
        let behind = try bench.read(next)
        let data = bench.pattern(count, seed: 77)
        try bench.demandGood(.write(range), sending: data)
        try bench.demand(octets: try bench.read(range), are: data, "what was written")
        try bench.demand(octets: try bench.read(next), are: behind, "the block behind")
        for index in [0, count / 2, count - 1] {
          let one = try bench.read(BlockRange(first: range.first + UInt64(index), count: 1))
          let start = Int(index) * bench.blockSize
          try bench.demand(octets: one, are: Array(data[start..<(start + bench.blockSize)]), "block \(index) of them")
        }
      }
    },
    Check("no blocks are no error") { bench in
      let none = BlockRange(first: bench.playground, count: 0)
      for form in [TransferForm.ten, .twelve, .sixteen] {
        try bench.demandGood(.read(none, form: form), sending: [])
        try bench.demandGood(.write(none, form: form), sending: [])
      }
    },
    Check("SYNCHRONIZE CACHE succeeds, for all blocks and for some") { bench in
      try bench.demandGood(.synchronizeWholeCache)
      try bench.demandGood(.synchronizeCache(BlockRange(first: bench.playground, count: 4)), sending: [])
    },
  ]

  static let verification: [Check] = [
    Check("VERIFY without data reads, with data compares") { bench in
      try bench.lending(4) { range in
        var data = bench.pattern(4, seed: 5)
        try bench.demandGood(.write(range), sending: data)
        try bench.demandGood(.verify(range, .none), sending: [])
        try bench.demandGood(.verify(range, .blocks), sending: data)
        data[2 * bench.blockSize + 3] ^= 1
        try bench.demandCheck(.miscompareDuringVerify, .verify(range, .blocks), sending: data)
      }
    },
    Check("WRITE AND VERIFY writes, in all its forms") { bench in
      try bench.lending(4) { range in
        let forms: [CDB?] = [
          .writeAndVerify(range, comparing: false), .writeAndVerify(range, comparing: true),
          try bench.cdb("AE", range), try bench.cdb("8E", range),
        ]
        for (seed, cdb) in zip(UInt8(21)..., forms) {
          let data = bench.pattern(4, seed: seed)
          try bench.demandGood(cdb, sending: data)
          try bench.demand(octets: try bench.read(range), are: data, "what was written")
        }
      }
    },
    Check("VERIFY (12) and (16) compare, too, and name the block that differs") { bench in
      try bench.lending(4) { range in
        var data = bench.pattern(4, seed: 6)
        try bench.demandGood(.write(range), sending: data)
        for operation in ["AF", "8F"] {
          try bench.demandGood(try bench.cdb(operation, range), sending: [])
          try bench.demandGood(try bench.cdb(operation, range, flags: 0x02), sending: data)
          data[3 * bench.blockSize] ^= 0x80
          let sense = try bench.demandCheck(
            .miscompareDuringVerify, try bench.cdb(operation, range, flags: 0x02), sending: data)
          try bench.demand(sense.firstBadBlock ?? range.first + 3, is: range.first + 3, "the block that differs")
          data[3 * bench.blockSize] ^= 0x80
        }
      }
    },
  ]

  static let erasure: [Check] = [
    Check("an erased block is blank until it is written") { bench in
      try bench.lending(4) { range in
        let middle = BlockRange(first: range.first + 1, count: 2)
        try bench.demandGood(.write(range), sending: bench.pattern(4, seed: 31))
        for erase in [try bench.cdb("2C", middle), try bench.cdb("AC", middle)] {
          let outcome = try bench.transport.execute(erase)
          // Drives that show themselves as disks may not know the command.
          if outcome.senseData?.code == .invalidOperationCode { continue }
          try bench.demand(outcome.status == .good, "it is refused: \(outcome.text)")
          let sense = try bench.demandCheck(.blankBlock, .read(range), fetching: 4 * bench.blockSize)
          try bench.demand(sense.firstBadBlock, is: middle.first, "the first blank block")
          let data = bench.pattern(2, seed: 32)
          try bench.demandGood(.write(middle), sending: data)
          try bench.demand(octets: try bench.read(middle), are: data, "what was written")
        }
      }
    }
  ]

  static let protection: [Check] = [
    Check("what touches a protected block is refused whole, 7/27/00 with the first such block") { bench in
      guard let protected = bench.drive.protected else { return }
      let straddling = BlockRange(first: protected.first - 2, count: 4)
      let before = try bench.read(straddling)
      let data = bench.pattern(4, seed: 41)
      let commands: [(String, CDB?, [UInt8])] = [
        ("WRITE (10)", .write(straddling, form: .ten), data), ("WRITE (12)", .write(straddling, form: .twelve), data),
        ("WRITE (16)", .write(straddling, form: .sixteen), data),
        ("WRITE AND VERIFY (10)", .writeAndVerify(straddling, comparing: true), data),
        ("WRITE AND VERIFY (12)", try bench.cdb("AE", straddling), data),
        ("WRITE SAME (10)", try bench.cdb("41", straddling), Array(data.prefix(bench.blockSize))),
        ("ERASE (10)", try bench.cdb("2C", straddling), []), ("ERASE (12)", try bench.cdb("AC", straddling), []),
      ]
      for (name, cdb, data) in commands {
        guard let cdb else { throw Unmet("no CDB of \(name)", #line) }
        let outcome = try bench.transport.send(cdb, data.span.bytes)
        if outcome.senseData?.code == .invalidOperationCode { continue }
        try bench.demand(outcome.senseData?.code == .writeProtected, "\(name) ends with \(outcome.text)")
        try bench.demand(outcome.senseData?.firstBadBlock, is: protected.first, "\(name): the first protected block")
        try bench.demand(octets: try bench.read(straddling), are: before, "after \(name), the disc")
      }
    },
    Check("FORMAT UNIT and REASSIGN BLOCKS spare a protected block") { bench in
      guard let protected = bench.drive.protected else { return }
      let before = try bench.read(BlockRange(first: protected.first, count: 2))
      try bench.demandCheck(.writeProtected, try bench.cdb("04 00 00 00 00 00"))
      let address = (0..<4).map { UInt8(truncatingIfNeeded: protected.first >> UInt64(24 - 8 * $0)) }
      try bench.demandCheck(.writeProtected, try bench.cdb("07 00 00 00 00 00"), sending: [0, 0, 0, 4] + address)
      let after = try bench.read(BlockRange(first: protected.first, count: 2))
      try bench.demand(octets: after, are: before, "the protected blocks")
    },
  ]

  static let defects: [Check] = [
    Check("READ DEFECT DATA gives the lists that were asked for") { bench in
      for (hex, header) in [("37 00 1D 00 00 00 00 10 00 00", 4), ("B7 1D 00 00 00 00 00 00 10 00 00 00", 8)] {
        let (outcome, data) = try bench.transport.fetch(try bench.cdb(hex), upTo: 4096)
        // A list that is not there, or in another format, is a recovered error.
        let isThere = outcome.status == .good || outcome.senseData?.key == .recoveredError
        try bench.demand(isThere, "it is refused: \(outcome.text)")
        try bench.demand(data.count >= header && data[1] & 0x18 != 0, "no list is there")
        let length = data[(header / 2)..<header].reduce(0) { $0 << 8 | Int($1) }
        try bench.demand(length % 4 == 0 && data.count == min(4096, header + length), "\(length) octets of defects")
      }
    }
  ]
}
