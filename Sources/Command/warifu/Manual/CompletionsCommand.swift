import ArgumentParser

/// `completions`.
struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions", abstract: "Print the completion script of a shell.",
    discussion: """
      Have your shell read it: bash from ~/.local/share/bash-completion/completions/warifu, zsh from a file _warifu \
      in a folder of its fpath, fish from ~/.config/fish/completions/warifu.fish.

      Example:
        warifu completions bash > warifu.bash
      """)

  /// A shell that completes.
  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish

    var completionShell: CompletionShell {
      switch self {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    }
  }

  @Argument(help: "The shell.")
  var shell: Shell

  func run() throws { try Terminal.write(Warifu.completionScript(for: shell.completionShell) + "\n") }
}
