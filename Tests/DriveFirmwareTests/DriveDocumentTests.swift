import DriveFirmware
import Foundation
import SCSI
import Testing

/// What `docs/drive.md` says, asked of a drive.
@Suite struct DriveDocumentTests {
  private static let document = Result { try DriveDocument.document.get() }

  @Test(arguments: try document.get().rows) func eachCauseHasItsSense(_ row: DriveDocument.Row) throws {
    let bench = try row.state.bench()
    try row.state.arrange(bench)
    let writes = bench.medium.writes
    let outcome = try bench.run(row.cdb, row.data)
    #expect(outcome.transferred == 0)
    switch row.end {
    case .reservationConflict: #expect(outcome.status == .reservationConflict)
    case .found:
      #expect(outcome.status == .conditionMet)
      let told = try bench.fetch([0x03, 0, 0, 0, 18, 0]).data
      try expect(try SenseData(parsing: told.span.bytes), "C/00/00", row.place)
    case .sense(let code):
      #expect(outcome.status == .checkCondition)
      try expect(try #require(outcome.senseData), code, row.place)
    }
    if row.end == .sense("7/27/00") { #expect(bench.medium.writes == writes, "and nothing is written") }
    if row.end == .sense("E/1D/00") { #expect(bench.medium.writes == writes, "and nothing is written") }
  }

  private func expect(_ sense: SenseData, _ code: String, _ place: DriveDocument.Place?) throws {
    #expect(sense.code.description == code)
    switch place {
    // What does not fit the 32 bits of the fixed format is left out.
    case .information(let value): #expect(sense.information == (value > UInt64(UInt32.max) ? nil : value))
    case .field(let pointer): #expect(sense.fieldPointer == pointer)
    case nil: #expect(sense.information == nil && sense.fieldPointer == nil)
    }
  }

  /// What is true of protected ranges is true of the tab and of SWP.
  @Test(arguments: [DriveState.tab, .softwareProtected]) func everyWritingCommandHeedsEveryProtection(
    _ state: DriveState
  ) throws {
    for row in try DriveDocumentTests.document.get().rows where row.state == .range {
      let bench = try DriveBench()
      try state.arrange(bench)
      let outcome = try bench.run(row.cdb, row.data)
      let first: UInt64 = row.cdb[0] == OperationCode.formatUnit.rawValue ? 0 : 100
      #expect(outcome.senseData == SenseData(.writeProtected, information: first), "\(row.cause)")
      #expect(bench.medium.writes == 0, "\(row.cause)")
    }
  }

  @Test func theCommandTableIsTheDrives() throws {
    let document = try DriveDocumentTests.document.get()
    for type in [PeripheralType.directAccess, .opticalMemory] {
      let bench = try DriveBench(DriveConfiguration(peripheralType: type))
      let answer = try bench.fetch([0xA3, 0x0C, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]).data
      let told = stride(from: 4, to: answer.count, by: 8).map { start in
        [answer[start], answer[start + 5] & 1 == 1 ? answer[start + 3] : 0xFF]
      }
      let written = document.commands.filter { type == .directAccess || !$0.isForDirectAccessOnly }
      #expect(told == written.map { [$0.operation, $0.serviceAction ?? 0xFF] })
    }
  }

  // MARK: Nothing is left out

  @Test func noRowIsLost() throws {
    let document = try DriveDocumentTests.document.get()
    #expect(document.promisedRows == document.rows.count)
    #expect(Set(document.rows.map(\.testDescription)).count == document.rows.count)
  }

  @Test func everyStateIsAsked() throws {
    let asked = Set(try DriveDocumentTests.document.get().rows.map(\.state))
    #expect(Set(DriveState.allCases).subtracting(asked) == [.tab, .softwareProtected])
  }

  /// Every sense code that the drive's sources name is in the table.
  @Test func everyCodeOfTheFirmwareHasARow() throws {
    let rows = try DriveDocumentTests.document.get().rows
    let used = Set(rows.compactMap { row -> String? in if case .sense(let code) = row.end { code } else { nil } })
    let names = try DriveDocumentTests.codes()
    let folder = DriveDocument.root.appending(path: "firmware-sim/DriveFirmware")
    var found = 0
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".swift") {
      let source = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      for (name, code) in names where source.contains("(.\(name)") && !["C/00/00", "0/00/00"].contains(code) {
        found += 1
        #expect(used.contains(String(code)), "\(file) gives \(code), \(name)")
      }
    }
    #expect(found > 30)
  }

  /// The named codes, as their documentation spells them.
  private static func codes() throws -> [(name: Substring, code: Substring)] {
    let file = DriveDocument.root.appending(path: "Sources/Wire/SCSI/SenseCode.swift")
    let source = try String(contentsOf: file, encoding: .utf8)
    let pattern = /\/\/\/ ([0-9A-F]\/[0-9A-F]{2}\/[0-9A-F]{2}):[^=]*?public static let (\w+) =/
    return source.matches(of: pattern).map { (name: $0.output.2, code: $0.output.1) }
  }
}
