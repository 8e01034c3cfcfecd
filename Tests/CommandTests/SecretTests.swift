import Foundation
import Testing

/// Secrets come from where they should and go nowhere else.
@Suite struct SecretTests {
  @Test func noSecretIsInWhatTheStorySaid() throws {
    let story = try Story.told.get()
    let key = try story.bench.octets(of: "data/warifu/emulator.key")
    let secrets =
      [
        try story.secret(in: Story.pinFile), try story.secret(in: Story.pukFile), Story.passphrase,
        key.map { String(format: "%02X", $0) }.joined(),
      ]
    for outcome in story.transcript where outcome.arguments != ["card", "pin", "letter"] {
      let said = outcome.output + outcome.complaint
      for secret in secrets {
        let isThere = said.range(of: "\\b\(secret)\\b", options: [.regularExpression, .caseInsensitive]) != nil
        #expect(!isThere, "\(outcome.arguments)")
      }
      // A retrieval code has a shape of its own.
      let code = "[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z*~$=]"
      #expect(said.range(of: code, options: .regularExpression) == nil, "\(outcome.arguments)")
    }
  }

  @Test func theEmulatorKeyIsTheUsersAlone() throws {
    let bench = try Story.told.get().bench
    let attributes = try FileManager.default.attributesOfItem(atPath: bench.path("data/warifu/emulator.key"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(attributes[.size] as? Int == 32)
  }

  @Test func whatLooksLikeASecretIsNotRepeated() throws {
    let bench = try Story.copy()
    let mistakes: [[String]] = [
      ["card", "hand-over", "--index", "0", "--pin", "hunter2"], ["center", "verify", "--passphrase", "hunter2"],
      ["card", "info", "--card-key", "hunter2"],
      ["card", "pin", "change", "--pin", "file:pin", "--new-pin", "hunter2"],
      ["card", "pin", "verify", "--pin", "fd:hunter2"], ["card", "pin", "verify", "--pin", "file:"],
    ]
    for arguments in mistakes {
      let outcome = try bench.run(arguments)
      #expect(outcome.status == 64, "\(arguments): \(outcome.complaint)")
      #expect(!(outcome.output + outcome.complaint).contains("hunter2"), "\(arguments)")
    }
  }

  @Test func everySourceGivesTheSecret() throws {
    let bench = try Story.copy()
    let pin = try Story.told.get().secret(in: Story.pinFile)
    let verify = ["card", "pin", "verify", "--pin"]
    #expect(try bench.run(verify + ["file:pin"]).status == 0)
    #expect(try bench.run(verify + ["-"], input: pin + "\n").status == 0)
    #expect(try bench.run(verify + ["-"], input: pin + "\r\n").status == 0)
    #expect(try bench.run(verify + ["-"], input: pin).status == 0)
    #expect(try bench.run(verify + ["fd:0"], input: pin).status == 0)
    #expect(try bench.run(verify + ["env:THE_PIN"], environment: ["THE_PIN": pin]).status == 0)
    #expect(try bench.run(verify + ["env:NO_PIN"]).status == 64)
    #expect(try bench.run(verify + ["-"], input: "").status == 65)
    #expect(try bench.run(verify + ["-"], input: String(repeating: "1", count: 5000)).status == 65)
    #expect(try bench.run(verify + ["fd:77"]).status == 66)
    // Nobody can be asked, so the command says which option there is.
    let unasked = try bench.run(["card", "pin", "verify"])
    #expect(unasked.status == 64)
    #expect(unasked.complaint.contains("--pin"))
  }

  @Test func tracesHideBodies() throws {
    let bench = try Story.copy()
    let pin = try Story.told.get().secret(in: Story.pinFile)
    let digits = pin.utf8.map { String(format: "%02X", $0) }.joined()
    let verify = "0020008108" + digits + "FFFF"
    let argument = try bench.run(["apdu", "send", verify])
    #expect(argument.status == 64)
    #expect(!(argument.output + argument.complaint).contains(digits))
    let session = ["00A4040008F057415249465501", verify, "8010000000"].joined(separator: "\n")
    let hidden = try bench.run(["apdu", "send", "-"], input: session)
    #expect(hidden.status == 0, "\(hidden.complaint)\(hidden.output)")
    #expect(!hidden.output.contains(digits))
    #expect(hidden.output.contains("hidden; --reveal"))
    let revealed = try bench.run(["apdu", "send", "-", "--reveal"], input: session)
    #expect(!revealed.output.contains(digits))
    #expect(revealed.output.count > hidden.output.count)
    let wrong = try bench.run(["apdu", "send", "00" + verify])
    #expect(wrong.status == 65)
    #expect(!(wrong.output + wrong.complaint).contains(digits))
  }

  @Test func aWrongPINCostsATryAndIsNeverRepeated() throws {
    let bench = try Story.copy()
    try bench.write("0000", to: "wrong")
    let verify = ["card", "pin", "verify", "--pin"]
    for left in [2, 1, 0] {
      let outcome = try bench.run(verify + ["file:wrong"])
      #expect(outcome.status == 77)
      #expect(
        outcome.complaint.contains(["blocked", "1 try is left", "2 tries are left"][left]), "\(outcome.complaint)")
      #expect(try bench.succeed("card", "info").output.contains("PIN \(left)"))
    }
    #expect(try bench.run(verify + ["file:pin"]).status == 77)
    try bench.write("135790", to: "new")
    #expect(
      try bench.run(["card", "pin", "unblock", "--puk", "file:wrong", "--new-pin", "file:new"]).status == 77)
    try bench.succeed("card", "pin", "unblock", "--puk", "file:puk", "--new-pin", "file:new")
    try bench.succeed("card", "pin", "change", "--pin", "file:new", "--new-pin", "file:pin")
    try bench.succeed("card", "pin", "verify", "--pin", "file:pin")
  }

  @Test func theLetterIsForgottenOnlyWhenTheCardIsNamed() throws {
    let bench = try Story.copy()
    let letter = try bench.succeed("card", "pin", "letter").output
    #expect(try bench.run(["card", "pin", "letter", "--confirm-printed"]).status == 64)
    #expect(try bench.run(["card", "pin", "letter", "--confirm-printed", "--yes"]).status == 64)
    #expect(try bench.succeed("card", "pin", "letter").output == letter)
    let serial = try #require(letter.split(separator: "\n").dropFirst().first?.split(separator: " ").last)
    try bench.succeed("card", "pin", "letter", "--confirm-printed", "--yes", "--card", String(serial))
    #expect(try bench.run(["card", "pin", "letter"]).status == 1)
  }
}
