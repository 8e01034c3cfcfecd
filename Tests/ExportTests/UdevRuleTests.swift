import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Octets
import SCSI
import Testing

/// The device rules in udev/: read strictly, and carried out by udev on a drive that is not there.
@Suite struct UdevRuleTests {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "udev/70-warifu-optical-memory.rules")

  @Test func theRulesAreWellFormed() throws {
    let rules = try UdevRules(parsing: String(contentsOf: Self.file, encoding: .utf8)).rules
    #expect(rules.count >= 8)
    for rule in rules {
      // Whatever is given to users or asked of a drive is so for optical memories alone.
      let acts = rule.tokens.contains { $0.key == "TAG" || $0.attribute == "program" }
      let type = UdevRules.Token(key: "ATTRS", attribute: "type", sign: "==", value: "7")
      if acts { #expect(rule.tokens.contains(type), "line \(rule.line)") }
      // A helper that is not installed is no error.
      for token in rule.tokens where token.attribute == "program" {
        let program = token.value.split(separator: " ").first.map(String.init) ?? ""
        #expect(program.hasPrefix("/") && rule.tokens.contains { $0.key == "TEST" && $0.value == program })
      }
    }
    // systemd's rules turn the tag into an access list, from number 73 on.
    #expect(Self.file.lastPathComponent < "73")
  }

  @Test(arguments: [
    #"SUBSYSTEM="block", TAG+="uaccess""#, #"TAG="uaccess""#, #"SUBSYSTEM=="block" TAG+="uaccess""#,
    #"SUBSYSTEM=="block","#, #"ATTRS=="7""#, #"KERNEL{x}=="sd*""#, #"GOTO="nowhere""#, #"LABEL="a""# + "\nGOTO=\"a\"",
    #"IMPORT{programme}="/bin/true""#, #"SYMLINK="x""#, #"SYMLINK+="$environment{X}""#, #"SYMLINK+="%z""#,
    #"SUBSYSTEM==block"#, #"SUBSYSTEM=="block", \"#, #"subsystem=="block""#,
  ])
  func malformedRulesAreNoticed(_ text: String) {
    #expect(throws: UdevRules.Mistake.self) { try UdevRules(parsing: text) }
  }

  // MARK: By udev itself

  /// What udev makes of each device of a drive: its properties, and the links to them.
  private func carryOut(
    _ target: PrivateTarget, type: UInt8, action: String = "add"
  ) throws -> (properties: [String: [String: String]], links: [String: String]) {
    let device = try ShimmedDevice("/dev/sdzz", url: target.url())
    let script = Self.file.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Tests/Support/DriveRig/Shim/udev-rig.sh").path
    let answer = try ISCSIProgram.run(
      script,
      [
        "\(type)", Self.file.path, try BuiltProgram.path("warifu"), device.environment["LD_PRELOAD"] ?? "",
        target.url(),
      ], environment: ["UDEV_RIG_ACTION": action])
    #expect(answer.status == 0, "\(answer.text)")
    var properties: [String: [String: String]] = [:]
    var links: [String: String] = [:]
    var current = ""
    for line in answer.text.split(separator: "\n") {
      if line.hasPrefix("== ") {
        current = String(line.dropFirst(3))
      } else if current == "links", let arrow = line.firstRange(of: " -> ") {
        links[String(line[..<arrow.lowerBound])] = String(line[arrow.upperBound...])
      } else if let match = line.wholeMatch(of: /([A-Z_]+)=(.*)/) {
        properties[current, default: [:]][String(match.1)] = String(match.2)
      }
    }
    return (properties, links)
  }

  @Test func M3_udevLinksTheDriveByItsMediumID() throws {
    let target = try PrivateTarget(.opticalMemory)
    let (properties, links) = try carryOut(target, type: 7)
    for device in ["sdzz", "sdzz1", "sg77", "7:0:0:0"] {
      #expect(properties[device]?["TAGS"]?.contains(":uaccess:") == true, "\(device): \(properties[device] ?? [:])")
    }
    let id = "M-" + Hex.encode(Array("WARIFU-TEST-DISC".utf8))
    #expect(properties["sdzz"]?["WARIFU_MEDIUM_ID"] == id)
    #expect(properties["sdzz"]?["WARIFU_MEDIUM_SOURCE"] == "READ_MEDIA_SERIAL_NUMBER")
    #expect(properties["sdzz"]?["WARIFU_MEDIUM_STRENGTH"] == "host-asserted")
    #expect(links["disk/by-medium-id/\(id)"] == "../../sdzz")
    #expect(links["disk/by-medium-id/\(id)-part1"] == "../../sdzz1")
  }

  @Test func aDriveWithoutADiscHasNoLink() throws {
    let target = try PrivateTarget(serving: .init())
    let (properties, links) = try carryOut(target, type: 7, action: "change")
    #expect(properties["sdzz"]?["TAGS"]?.contains(":uaccess:") == true)
    #expect(properties["sdzz"]?["WARIFU_MEDIUM_ID"] == nil)
    #expect(!links.keys.contains { $0.hasPrefix("disk/by-medium-id") })
  }

  @Test func otherDrivesAreLeftAlone() throws {
    let target = try PrivateTarget(.directAccess)
    let (properties, links) = try carryOut(target, type: 0)
    for device in ["sdzz", "sdzz1", "sg77", "7:0:0:0"] {
      #expect(properties[device]?["TAGS"]?.contains("uaccess") != true, "\(device)")
      #expect(properties[device]?["WARIFU_MEDIUM_ID"] == nil)
    }
    #expect(!links.keys.contains { $0.hasPrefix("disk/by-medium-id") })
    #expect(target.events.isEmpty, "a drive that is none of ours was asked: \(target.events)")
  }
}
