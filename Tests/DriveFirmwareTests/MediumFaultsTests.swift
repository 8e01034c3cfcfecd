import DiscEmulator
import Testing

@Suite struct MediumFaultsTests {
  static let texts: [(String, MediumFaults)] = [
    ("unreadable=5", MediumFaults([.init(.unreadable, 5...5)])),
    ("corrected=5-9@3", MediumFaults([.init(.corrected, 5...9, .at(3))])),
    ("defective=0@*/2", MediumFaults([.init(.defective, 0...0, .every(2))])),
    ("unwritable=1-2@7+", MediumFaults([.init(.unwritable, 1...2, .from(7))])),
    ("spares=0", MediumFaults(spares: 0)),
    (
      "unreadable=1,unreadable=1@2,spares=10",
      MediumFaults([.init(.unreadable, 1...1), .init(.unreadable, 1...1, .at(2))], spares: 10)
    ),
  ]

  @Test(arguments: texts) func plansAreRead(_ text: String, _ plan: MediumFaults) throws {
    #expect(try MediumFaults(parsing: text) == plan)
  }

  @Test(arguments: [
    "", "nonsense", "unreadable", "unreadable=", "unreadable=x", "unreadable=5-4", "unreadable=5-", "unreadable=-5",
    "unreadable=4294967296", "unreadable=99999999999999999999", "unreadable=5@", "unreadable=5@0", "unreadable=5@-1",
    "unreadable=5@*/0", "unreadable=5@*/2+", "unreadable=5@+", "unreadable=5@3@4", "spares", "spares=", "spares=-1",
    "spares=1@2", "spares=1,spares=2", "unreadable=5,", ",unreadable=5", "hang@3", "unreadable=5=6",
  ]) func otherTextsAreRefusedWithAReason(_ text: String) {
    #expect {
      _ = try MediumFaults(parsing: text)
    } throws: {
      guard let error = $0 as? MediumFaultsError else { return false }
      return error.description.hasSuffix(".") && error.description.count > 20
    }
  }

  @Test func thereMayBeNothingWrong() {
    #expect(MediumFaults().isEmpty)
    #expect(!MediumFaults(spares: 5).isEmpty)
  }
}
