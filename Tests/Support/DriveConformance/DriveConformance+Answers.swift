import Octets
import SCSI

/// What a drive tells of itself and of its medium.
extension DriveConformance {
  static let introduction: [Check] = [
    Check("INQUIRY says what the drive is, at any length asked for") { bench in
      let whole = try bench.answer(.inquiry(allocation: 96), upTo: 96)
      let inquiry = try InquiryData(parsing: whole.span.bytes)
      try bench.demand(
        inquiry.peripheralType == .opticalMemory || inquiry.peripheralType == .directAccess,
        "it says type \(inquiry.peripheralType.rawValue)")
      try bench.demand(inquiry.isRemovable, "its medium cannot be removed")
      try bench.demand(!inquiry.vendor.octets.isEmpty && !inquiry.product.octets.isEmpty, "it has no name")
      try bench.demand(whole.count, is: min(96, 5 + Int(whole[4])), "octets told by ADDITIONAL LENGTH")
      for count in [0, 5, 35, 36] {
        let part = try bench.answer(.inquiry(allocation: UInt16(count)), upTo: count)
        try bench.demand(octets: part, are: Array(whole.prefix(count)), "INQUIRY cut to \(count)")
      }
    },
    Check("the supported vital product data pages are those there are") { bench in
      let list = try bench.answer(.inquiry(page: .supportedPages), upTo: 252)
      let pages = try VitalProductData(parsing: list.span.bytes).content.octets
      for page in [UInt8(0x00), 0x80, 0x83] { try bench.demand(pages.contains(page), "page \(page) is not listed") }
      try bench.demand(pages, is: pages.sorted(), "pages")
      for page in UInt8.min...UInt8.max {
        let cdb = try bench.cdb("12 01 \(Hex.encode([page])) 00 FC 00")
        if pages.contains(page) {
          let answer = try bench.answer(cdb, upTo: 252)
          try bench.demand(answer.count >= 4 && answer[1] == page, "page \(page) says it is another")
        } else {
          try bench.demandCheck(.invalidFieldInCDB, cdb, fetching: 252)
        }
      }
    },
    Check("REPORT LUNS lists logical unit 0") { bench in
      let list = try bench.answer(.reportLUNs(), upTo: 4096)
      try bench.demand(list.count >= 16 && list.count % 8 == 0, "the list has \(list.count) octets")
      try bench.demand(list[8..<16].allSatisfy { $0 == 0 }, "the first is not logical unit 0")
    },
    Check("READ MEDIA SERIAL NUMBER gives the medium's id, always the same") { bench in
      let answer = try bench.answer(.readMediaSerialNumber(), upTo: 260)
      let number = try MediaSerialNumber(parsing: answer.span.bytes)
      try bench.demand(number.octets.contains { $0 != 0 }, "the medium has no id")
      if let known = bench.drive.mediumID { try bench.demand(number, is: MediaSerialNumber(known), "the id") }
      try bench.demand(octets: try bench.answer(.readMediaSerialNumber(), upTo: 260), are: answer, "the second answer")
      for count in [0, 4, 7] {
        let part = try bench.answer(.readMediaSerialNumber(allocation: UInt32(count)), upTo: count)
        try bench.demand(octets: part, are: Array(answer.prefix(count)), "the number cut to \(count)")
      }
    },
  ]

  static let capacities: [Check] = [
    Check("READ CAPACITY (10) and (16) agree") { bench in
      let long = try bench.answer(.readCapacity16(), upTo: Capacity.longOctetCount)
      try bench.demand(try Capacity(parsingLong: long.span.bytes), is: bench.capacity, "READ CAPACITY (16)")
      let cut = try bench.answer(.readCapacity16(allocation: 12), upTo: 12)
      try bench.demand(octets: cut, are: Array(long.prefix(12)), "READ CAPACITY (16) cut to 12")
      try bench.demand([512, 1024, 2048, 4096].contains(bench.capacity.blockSize), "blocks of an odd size")
    },
    Check("the last block is read and the one behind is not") { bench in
      let last = bench.capacity.blockCount - 1
      _ = try bench.read(BlockRange(first: last, count: 1))
      let beyond = BlockRange(first: last + 1, count: 1)
      for form in [TransferForm.ten, .twelve, .sixteen] {
        try bench.demandCheck(.blockAddressOutOfRange, .read(beyond, form: form), fetching: bench.blockSize)
        let straddling = BlockRange(first: last, count: 2)
        try bench.demandCheck(.blockAddressOutOfRange, .read(straddling, form: form), fetching: 2 * bench.blockSize)
      }
      let zeros = [UInt8](repeating: 0, count: bench.blockSize)
      try bench.demandCheck(.blockAddressOutOfRange, .write(beyond), sending: zeros)
      try bench.demandCheck(.blockAddressOutOfRange, .verify(beyond, .none))
      let farthest = BlockRange(first: UInt64.max, count: 1)
      try bench.demandCheck(.blockAddressOutOfRange, .read(farthest, form: .sixteen), fetching: bench.blockSize)
    },
  ]

  static let sense: [Check] = [
    Check("an operation code that no drive has is refused, 5/20/00") { bench in
      for hex in ["02 00 00 00 00 00", "C0 00 00 00 00 00 00 00 00 00", "FF 00 00 00 00 00"] {
        try bench.demandCheck(.invalidOperationCode, try bench.cdb(hex))
      }
    },
    Check("a bad field is refused, 5/24/00, and pointed to") { bench in
      let sense = try bench.demandCheck(.invalidFieldInCDB, try bench.cdb("12 00 01 00 24 00"), fetching: 36)
      try bench.demand(sense.fieldPointer?.octet ?? 2, is: 2, "the octet pointed to")
      try bench.demandCheck(.invalidFieldInCDB, try bench.cdb("AB 1F 00 00 00 00 00 00 01 04 00 00"), fetching: 260)
    },
    Check("REQUEST SENSE has nothing to tell when all is well") { bench in
      let answer = try bench.answer(.requestSense(), upTo: 18)
      try bench.demand(try SenseData(parsing: answer.span.bytes).code, is: .noSense, "the sense")
    },
  ]
}
