import Foundation
import Testing

/// Completion scripts and the manual page, which are made from the commands themselves.
@Suite struct CompletionTests {
  @Test func bashCompletesVerbsAndOptions() throws {
    let bench = try CommandBench()
    try bench.write(try bench.succeed("completions", "bash").output, to: "warifu.bash")
    func complete(_ words: String...) throws -> [String] {
      let script = """
        set -- "$@"; . ./warifu.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        handler=$(complete -p warifu | sed 's/.* -F \\([^ ]*\\).*/\\1/')
        "$handler" warifu "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      let outcome = try bench.launch("/bin/bash", ["-c", script, "bash"] + words)
      try #require(outcome.status == 0, "\(outcome.complaint)")
      return outcome.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    #expect(try complete("warifu", "ba").contains("batch"))
    #expect(try complete("warifu", "card", "term").contains("terminate"))
    #expect(try complete("warifu", "batch", "run", "--halt").contains("--halt-after"))
    #expect(try complete("warifu", "completions", "").contains("zsh"))
  }

  @Test func everyShellsScriptNamesTheNouns() throws {
    let bench = try CommandBench()
    for shell in ["bash", "zsh", "fish"] {
      let script = try bench.succeed("completions", shell).output
      for word in ["batch", "terminate", "replay", "dry-run"] { #expect(script.contains(word), "\(shell): \(word)") }
      #expect(try bench.succeed("--generate-completion-script", shell).output.hasPrefix(script.prefix(1000)))
    }
    #expect(try bench.run(["completions", "csh"]).status == 64)
  }

  @Test func theManualPageIsOne() throws {
    let bench = try CommandBench()
    try bench.write(try bench.succeed("manual").output, to: "warifu.1")
    // groff tells on standard error what it does not like.
    let page = try bench.launch("/usr/bin/env", ["groff", "-man", "-ww", "-Tutf8", "warifu.1"])
    #expect(page.status == 0 && page.complaint.isEmpty, "\(page.complaint)")
    let plain = page.output.replacing(/\u{1B}\[[0-9;]*m|.\u{8}/, with: "")
    for words in ["NAME", "warifu batch run", "--halt-after", "warifu card terminate --card-file alice.card"] {
      #expect(plain.contains(words), "\(words)")
    }
  }
}
