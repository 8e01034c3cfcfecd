import CardProtocol
import Cryptography
import ISO7816
import Testing

/// Software that the card carries (P24): written once over SCP03, read after the PIN.
@Suite struct CarriedFileTests {
  @Test func P24_carriedSoftwareIsReadAfterThePIN() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.select(file: Bench.fileID)) == .ok)
    #expect(try bench.status(.readBinary(offset: 0, count: 256)) == .securityStatusNotSatisfied)
    try bench.verifyPIN()
    var content: [UInt8] = []
    while content.count < Bench.fileContent.count {
      let part = try bench.send(.readBinary(offset: UInt16(content.count), count: 256))
      #expect(part.status == .ok)
      content += part.data
    }
    #expect(content == Bench.fileContent)
    let long = try bench.whole(.readBinary(offset: 500, count: 65_536))
    #expect(long == ResponseAPDU(data: Array(Bench.fileContent[500...]), status: .ok))
  }

  @Test func P24_overwriteIsRefused() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    #expect(try session.status(.select(file: Bench.fileID)) == .ok)
    let before = bench.flash.content
    for offset: UInt16 in [0, 1, 511, 512, 599] {
      #expect(try session.status(.updateBinary(offset: offset, data: [0xEE])) == .conditionsNotSatisfied)
    }
    #expect(try session.status(.updateBinary(offset: 600, data: [0xEE])) == .wrongOffset)
    let again = Bench.object(.createFile, Bench.fileDescription(Bench.fileID, size: 600))
    #expect(try session.store(again).status == .fileAlreadyExists)
    #expect(bench.flash.content == before)
    bench.reset()
    try bench.verifyPIN()
    #expect(try bench.status(.select(file: Bench.fileID)) == .ok)
    #expect(try bench.send(.readBinary(offset: 0, count: 256)).data == Array(Bench.fileContent[..<256]))
  }

  /// The content comes in any pieces, over the ends of the store's own, but without a gap.
  @Test func P24_softwareIsWrittenInOrder() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let content = SeededRandom(seed: 900).octets(1_300)
    #expect(try session.store(Bench.object(.createFile, Bench.fileDescription(0x0909, size: 1_300))).status == .ok)
    #expect(try session.status(.select(file: 0x0909)) == .ok)
    #expect(try session.status(.updateBinary(offset: 1, data: [1])) == .wrongOffset)
    var offset = 0
    for length in [1, 510, 1, 1, 600, 100, 87] {
      let part = Array(content[offset..<(offset + length)])
      #expect(try session.status(.updateBinary(offset: UInt16(offset), data: part)) == .ok)
      offset += length
    }
    #expect(try session.status(.updateBinary(offset: 1_300, data: [1])) == .wrongOffset)
    #expect(try session.status(.updateBinary(offset: 1_300, data: [])) == .wrongLength)
    try bench.remount()
    try bench.verifyPIN()
    #expect(try bench.status(.select(file: 0x0909)) == .ok)
    #expect(try bench.whole(.readBinary(offset: 0, count: 65_536)).data == content)
  }

  @Test func refusalsOfReading() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    #expect(try bench.status(.readBinary(offset: 0, count: 1)) == .commandNotAllowed)
    #expect(try bench.status(.select(file: 0x7777)) == .fileNotFound)
    #expect(try bench.status(.select(file: Bench.fileID)) == .ok)
    #expect(try bench.status(.readBinary(offset: 600, count: 1)) == .wrongOffset)
    #expect(try bench.status(.readBinary(offset: 0x7FFF, count: 1)) == .wrongOffset)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xB0)) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xB0, data: [1], le: 1)) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xB0, p1: 0x81, le: 1)) == .incorrectP1P2)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xA4, p1: 2, p2: 0x0C, data: [1])) == .wrongLength)
    #expect(try bench.status(CommandAPDU(cla: 0, ins: 0xA4, p1: 2, p2: 0)) == .wrongLength)
    // Selecting an application leaves the file.
    #expect(try bench.status(.select(applicationID: CardProtocol.applicationID)) == .ok)
    #expect(try bench.status(.readBinary(offset: 0, count: 1)) == .commandNotAllowed)
  }

  @Test func limitsOfFiles() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    func create(_ description: [UInt8]) throws -> StatusWord {
      try session.store(Bench.object(.createFile, description)).status
    }
    #expect(try create(Bench.fileDescription(0x0A00, size: 0)) == .notEnoughMemory)
    #expect(try create(Bench.fileDescription(0x0A00, size: 2_049)) == .notEnoughMemory)
    #expect(try create(Bench.fileDescription(0x0A00, size: 1 << 31)) == .notEnoughMemory)
    #expect(try create(Bench.fileDescription(0x3F00, size: 1)) == .incorrectData)
    #expect(try create(Bench.fileDescription(0xFFFF, size: 1)) == .incorrectData)
    #expect(try create(Bench.fileDescription(0x0A00, size: 1, name: "")) == .incorrectData)
    let long = String(repeating: "n", count: 33)
    #expect(try create(Bench.fileDescription(0x0A00, size: 1, name: long)) == .incorrectData)
    for number: UInt16 in 1...15 {
      #expect(try create(Bench.fileDescription(0x0A00 + number, size: 2_048, name: String(long.dropLast()))) == .ok)
    }
    #expect(try create(Bench.fileDescription(0x0B00, size: 1)) == .notEnoughMemory)
  }
}
