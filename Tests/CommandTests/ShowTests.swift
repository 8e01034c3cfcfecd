import Foundation
import Testing

/// Showing, and starting from the master disc itself.
@Suite struct ShowTests {
  @Test func C2_aViewerFindsTheContentInSealedMemory() throws {
    let bench = try Story.copy()
    // It reads from any place, more than once, and changes nothing.
    let script = "tail -c 7 \"$1\"; head -c 2 \"$1\"; readlink \"$1\"; echo x 2>&- >\"$1\" || echo sealed"
    let outcome = try bench.run(["show", "--title", "Text", "--with", "sh", "--", "-c", script, "viewer"])
    #expect(outcome.status == 0, "\(outcome.complaint)")
    #expect(outcome.output.hasPrefix(String(Story.text.suffix(7)) + "It/memfd:"), "\(outcome.output)")
    #expect(outcome.output.hasSuffix("sealed\n"), "\(outcome.output)")
    let missing = try bench.run(["show", "--title", "Text", "--with", "no-such-viewer"])
    #expect(missing.status == 65 && missing.complaint.contains("no-such-viewer"))
  }

  @Test func C2_rangesAreShown() throws {
    let bench = try Story.copy()
    let text = Array(Story.text)
    for (range, expected) in [
      ("0-1", String(text[0...1])), ("3-5", String(text[3...5])), ("40-", String(text[40...])),
      ("50-999", String(text[50...])),
    ] {
      #expect(try bench.succeed("show", "--title", "Text", "--range", range).output == expected, "\(range)")
    }
    #expect(try bench.run(["show", "--title", "Text", "--range", "53-60"]).status == 65)
    for range in ["5-3", "x", "-5", "1-2-3", "1", ""] {
      #expect(try bench.run(["show", "--title", "Text", "--range", range]).status == 64, "\(range)")
    }
    #expect(try bench.run(["show", "--title", "Text", "--range", "0-1", "--with", "cat"]).status == 64)
  }

  /// One medium carries the encrypted programs and the program that copies and runs them (cl. 27, 38).
  @Test func C13_theManagerStartsFromTheMasterDisc() throws {
    let bench = try Story.copy()
    try bench.succeed(
      "master", "press", "article.iso", "--name", "Article", "--title",
      "path=\(Story.program),name=Own shell,type=program,price=0 EUR")
    let extracted = try bench.launch(
      "/usr/bin/env",
      ["xorriso", "-osirrox", "on", "-indev", "article.iso", "-extract", "/warifu/warifu", "manager-of-the-disc"])
    try #require(extracted.status == 0, "\(extracted.complaint)")
    func manager(_ arguments: String...) throws -> Outcome {
      try bench.launch(bench.path("manager-of-the-disc"), arguments)
    }
    for arguments in [
      ["copy", "license", "--title", "Own shell"],
      ["copy", "title", "--title", "Own shell", "--master", "article.iso"],
    ] {
      let outcome = try bench.launch(bench.path("manager-of-the-disc"), arguments)
      try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
    }
    let ran = try manager("run", "--title", "Own shell", "--", "-c", "echo from the disc")
    #expect(ran.output == "from the disc\n")
  }
}
