import CardProtocol
import ISO7816
import Octets
import Testing

/// The status words of `docs/status-words.md`, row by row, asked of a card in the state that the row names.
@Suite struct StatusWordTableTests {
  private static let table = Result { try StatusWordTable.document.get() }

  @Test(arguments: try table.get().matrix) func everyCommandInEveryState(_ row: StatusWordTable.Row) throws {
    for item in row.cases { try run(item) }
  }

  @Test(arguments: try table.get().refusals) func refusal(_ row: StatusWordTable.Row) throws {
    for item in row.cases { try run(item) }
  }

  /// Every command of the case, in order; a refused one leaves the store as it was.
  private func run(_ item: StatusWordTable.Case) throws {
    let (bench, session) = try item.state.card()
    var answered: [String] = []
    for command in item.commands {
      let before = bench.flash.content
      let status = try status(of: command, bench, session)
      answered.append(Hex.encode([status.sw1, status.sw2]).uppercased())
      if status.category == .checkingError, status.sw2 != 0x83 {
        #expect(bench.flash.content == before, "\(item.state.rawValue): refused, and changed")
      }
    }
    #expect(answered == item.words, "\(item.state.rawValue)")
  }

  /// Sends one command, through the session where there is one that can carry it.
  private func status(
    of command: StatusWordTable.Command, _ bench: Bench, _ session: BenchSession?
  ) throws -> StatusWord {
    guard let session, !command.isRaw else {
      let answer = bench.transmit(command.octets)
      var response = try ResponseAPDU(parsing: answer.span.bytes)
      while let waiting = response.status.bytesAvailable { response = try bench.send(.getResponse(waiting)) }
      return response.status
    }
    return try session.status(try CommandAPDU(parsing: command.octets.span.bytes))
  }

  // MARK: Nothing is left out

  @Test func noRowIsLost() throws {
    let table = try StatusWordTableTests.table.get()
    #expect(table.promisedRows == [table.matrix.count, table.refusals.count])
    let names = table.matrix.map(\.testDescription)
    #expect(Set(names).count == names.count)
  }

  @Test func everyInstructionHasARowAndARefusal() throws {
    let table = try StatusWordTableTests.table.get()
    func instructions(_ rows: [StatusWordTable.Row]) -> Set<UInt8> {
      Set(rows.flatMap(\.cases).flatMap(\.commands).filter { $0.octets.count >= 4 }.map { $0.octets[1] })
    }
    for instruction in Instruction.allCases {
      #expect(instructions(table.matrix).contains(instruction.rawValue), "\(instruction)")
      #expect(instructions(table.refusals).contains(instruction.rawValue), "\(instruction)")
    }
  }

  /// The states of the matrix are all there are but those that only refusals need.
  @Test func everyStateIsAsked() throws {
    let table = try StatusWordTableTests.table.get()
    let asked = Set((table.matrix + table.refusals).flatMap(\.cases).map(\.state))
    #expect(asked == Set(CardState.allCases))
    for row in table.matrix { #expect(row.cases.count == table.matrix[0].cases.count) }
  }

  /// Every word in the tables is explained, and every word explained occurs, but for those that a script of fixed commands
  /// cannot bring about.
  @Test func wordsAndTheirMeaningsAgree() throws {
    let table = try StatusWordTableTests.table.get()
    let used = Set((table.matrix + table.refusals).flatMap(\.cases).flatMap(\.words))
    for word in used {
      let isExplained = table.explained.contains { pattern in
        pattern.count == 4 && zip(pattern, word).allSatisfy { $0 == $1 || $0 == "x" }
      }
      #expect(isExplained, "\(word) is used and not explained")
    }
    let elsewhere: Set = ["6581", "61xx", "6Cxx"]
    for pattern in table.explained.subtracting(elsewhere) {
      let isUsed = used.contains { word in zip(pattern, word).allSatisfy { $0 == $1 || $0 == "x" } }
      #expect(isUsed, "\(pattern) is explained and not used")
    }
  }
}
