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
    Check("WRITE AND VERIFY writes") { bench in
      try bench.lending(4) { range in
        for (seed, comparing) in [(UInt8(21), false), (22, true)] {
          let data = bench.pattern(4, seed: seed)
          try bench.demandGood(.writeAndVerify(range, comparing: comparing), sending: data)
          try bench.demand(octets: try bench.read(range), are: data, "what was written")
        }
      }
    },
  ]
}
