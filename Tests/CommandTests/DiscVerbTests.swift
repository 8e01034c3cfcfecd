import Foundation
import Testing

/// `disc format`, `check`, `repair`, `delete` and `licences`, as users run them.
@Suite struct DiscVerbTests {
  /// The beginning of the disc's medium id, as `--medium` takes it.
  private func medium(_ bench: CommandBench) throws -> String {
    String(try bench.mediumID().prefix(10))
  }

  /// Spoils the first octets of what begins with `magic`, from the place `skipping` occurrences on.
  private func spoil(_ magic: String, at offset: Int = 90, skipping: Int = 0, in bench: CommandBench) throws {
    let image = try bench.octets(of: "disc.img")
    var start = image.startIndex
    for _ in 0...skipping {
      start = try #require(image.range(of: Data(magic.utf8), in: start..<image.endIndex)).upperBound
    }
    let handle = try #require(FileHandle(forUpdatingAtPath: bench.path("disc.img")))
    try handle.seek(toOffset: UInt64(start - magic.utf8.count + offset))
    try handle.write(contentsOf: Data("spoilt".utf8))
    try handle.close()
  }

  @Test func aCheckTellsByItsExitCode() throws {
    let bench = try Story.copy()
    let whole = try bench.run(["disc", "check", "--contents"])
    #expect(whole.status == 0 && whole.complaint.isEmpty)
    #expect(whole.output.hasPrefix("The volume is whole: 2 licences, 2 titles; "))

    try spoil("WARIFULS", in: bench)
    let torn = try bench.run(["disc", "check"])
    #expect(torn.status == 4)
    #expect(torn.output.contains("only one of the two copies is whole"))
    #expect(torn.complaint == "warifu: the volume is not whole (1 finding): run 'warifu disc repair'.\n")
    let before = try bench.state()
    #expect(try bench.run(["disc", "check", "--json"]).status == 4)
    #expect(try bench.state() == before)
    let repair = try bench.run(["disc", "repair"])
    #expect(repair.status == 0 && repair.output.contains("Repaired: the licence for S-"))
    #expect(try bench.succeed("disc", "repair").output.hasPrefix("Nothing was repaired."))
    #expect(try bench.run(["disc", "check"]).status == 0)

    try spoil("WARIFUMF", in: bench)
    let damaged = try bench.run(["disc", "check"])
    #expect(damaged.status == 65 && damaged.output.contains("Damage: the title S-"), "\(damaged.output)")
    #expect(damaged.output.contains("manifest"), "\(damaged.output)")
    #expect(damaged.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(damaged.complaint.contains("copy the title again"))
    #expect(try bench.run(["disc", "repair"]).status == 65)
    #expect(try bench.run(["disc", "repair", "--remove-damaged"]).status == 64)
    #expect(try bench.run(["disc", "repair", "--remove-damaged", "--yes"]).status == 64)
    let wrong = try bench.run(["disc", "repair", "--remove-damaged", "--yes", "--medium", "M-00000000"])
    #expect(wrong.status == 65 && wrong.complaint.contains("another disc"))
    #expect(try bench.run(["disc", "repair", "--remove-damaged", "--yes", "--medium", try medium(bench)]).status == 0)
    #expect(try bench.succeed("disc", "check", "--contents").output.contains("2 licences, 1 title;"))
  }

  @Test func whatIsNoVolumeIsToldByACheck() throws {
    let bench = try Story.copy()
    try bench.succeed("disc", "new", "other.img")
    let offset = try #require(bench.object("disc", "info", "--disc", "other.img")["dataOffset"] as? Int)
    let handle = try #require(FileHandle(forUpdatingAtPath: bench.path("other.img")))
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: Data(repeating: 0, count: 512))
    try handle.close()
    let outcome = try bench.run(["disc", "check", "--disc", "other.img"])
    // Copy B of the header still shows where the volume is.
    #expect(outcome.status == 4 && outcome.output.contains("the partition table: it is torn"))
    #expect(try bench.run(["disc", "check", "--disc", "none.img"]).status == 66)
    #expect(try bench.run(["disc", "check", "--disc", "text"]).status == 65)
  }

  @Test func formattingAsksBeforeItDestroys() throws {
    let bench = try Story.copy()
    let before = try bench.state()
    let refused = try bench.run(["disc", "format"])
    #expect(refused.status == 1 && refused.complaint.contains("--replace"))
    #expect(try bench.run(["disc", "format", "--replace"]).status == 64)
    #expect(try bench.run(["disc", "format", "--replace", "--yes"]).status == 64)
    #expect(try bench.run(["disc", "format", "--replace", "--yes", "--medium", "M-1"]).status == 65)
    let id = try bench.mediumID()
    let short = try bench.run(["disc", "format", "--replace", "--yes", "--medium", String(id.prefix(5))])
    #expect(short.status == 65 && short.complaint.contains("too short"), "\(short.complaint)")
    let digits = ["--yes", "--medium", String(id.dropFirst(2).prefix(8)).lowercased()]
    #expect(try bench.run(["disc", "repair", "--remove-damaged"] + digits).status == 0)
    #expect(try bench.run(["disc", "format", "--general-use", "0"]).status == 64)
    #expect(try bench.state() == before)
    let medium = try medium(bench)
    let outcome = try bench.run(["disc", "format", "--replace", "--yes", "--medium", medium, "--general-use", "50"])
    #expect(outcome.status == 0 && outcome.output.contains("50 MiB"))
    #expect(try bench.succeed("disc", "list").output == "No titles and no licences.\n")
    #expect(try self.medium(bench) == medium)
    #expect(try bench.run(["disc", "check"]).status == 0)
    // And the disc is as good as a new one.
    try bench.succeed("copy", "license", "--title", "Text")
    try bench.succeed("copy", "title", "--title", "Text", "--master", "master.iso")
    #expect(try bench.succeed("show", "--title", "Text").output == Story.text)
  }

  @Test func softwareAndLicencesAreDeleted() throws {
    let bench = try Story.copy()
    let confirmed = ["--yes", "--medium", try medium(bench)]
    try bench.succeed("disc", "license", "--title", "Text", "--save", "text.licence")
    #expect(try bench.run(["disc", "delete", "--title", "Text"]).status == 64)
    #expect(try bench.run(["disc", "delete", "--title", "Nothing"] + confirmed).status == 65)
    let deleted = try bench.run(["disc", "delete", "--title", "Text"] + confirmed)
    #expect(deleted.status == 0 && deleted.output.contains("Deleted          software\n"))
    #expect(try bench.run(["show", "--title", "Text"]).status != 0)
    // Copied again, as its licence is still there.
    try bench.succeed("copy", "title", "--title", "Text", "--master", "master.iso")
    #expect(try bench.run(["disc", "delete", "--title", "Text", "--part", "license"] + confirmed).status == 0)
    #expect(try bench.run(["disc", "delete", "--title", "Text", "--part", "license"] + confirmed).status == 65)
    #expect(try bench.run(["show", "--title", "Text"]).status != 0)
    try bench.succeed("copy", "install", "text.licence")
    #expect(try bench.succeed("show", "--title", "Text").output == Story.text)
    #expect(try bench.run(["disc", "delete", "--title", "Text", "--part", "both"] + confirmed).status == 0)
    #expect(try bench.succeed("disc", "check", "--contents").output.contains("1 licence, 1 title;"))
  }

  @Test func allLicencesAreListed() throws {
    let bench = try Story.copy()
    let lines = try bench.succeed("disc", "licences").output.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].hasPrefix("NO  TITLE"))
    for (line, name) in zip(lines.dropFirst(), ["Shell", "Text"]) {
      for word in [name, "this disc", "host-asserted", "for ever", "certificate"] { #expect(line.contains(word)) }
    }
    let licences = try #require(bench.object("disc", "licenses")["licences"] as? [[String: Any]])
    #expect(licences.map { $0["copies"] as? Int } == [2, 2])
    #expect(licences.map { $0["kind"] as? String } == ["certificate", "certificate"])
  }
}

extension CommandBench {
  /// What a command says as an object.
  func object(_ arguments: String...) throws -> [String: Any] {
    let outcome = try run(arguments + ["--json"])
    try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
    return try #require(try JSONSerialization.jsonObject(with: outcome.octets) as? [String: Any])
  }

  /// The disc's medium id.
  func mediumID() throws -> String { try #require(object("disc", "info")["mediumID"] as? String) }
}
