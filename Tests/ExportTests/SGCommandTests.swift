import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import SCSI
import Testing

/// `warifu` with a disc that is named by its drive's device.
@Suite struct SGCommandTests {
  private let folder: PrivateFolder
  private let target: PrivateTarget
  private let image: String

  /// A disc that `disc new` made, in a drive behind a target.
  init() throws {
    folder = try PrivateFolder()
    image = folder("disc.img")
    let made = try ISCSIProgram.run(try BuiltProgram.path("warifu"), ["disc", "new", image])
    #expect(made.status == 0, "\(made.text)")
    target = try PrivateTarget(
      serving: SharedDrive(
        configuration: DriveConfiguration(peripheralType: .opticalMemory),
        medium: try EmulatedDisc(openingAt: image)))
  }

  private func warifu(
    _ words: String..., device path: String = "/dev/sg77", environment: [String: String] = [:]
  ) throws -> ISCSIProgram.Answer {
    let device = try ShimmedDevice(path, url: target.url())
    return try device.run(try BuiltProgram.path("warifu"), words + [path], environment: environment)
  }

  @Test(arguments: ["/dev/sg77", "/dev/bsg/7:0:0:0", "/dev/sdzz"])
  func M3_infoShowsTheDiscInARealDrive(_ device: String) throws {
    let answer = try warifu("disc", "info", "--disc", device: device)
    #expect(answer.status == 0)
    for text in [
      "Disc in          \(device)", "Drive            WARIFU MO DRIVE 0001",
      "host-asserted, by READ MEDIA SERIAL NUMBER",
      "248826 of 512 octets", "Licences         0",
    ] { #expect(answer.text.contains(text), "\(text): \(answer.text)") }
    #expect(!answer.text.contains("Kind") && !answer.text.contains("disc.img"))
  }

  @Test func M3_theIDIsTheOneOfTheImage() throws {
    let id = try warifu("disc", "id", "--udev").text
    #expect(id.hasPrefix("WARIFU_MEDIUM_ID=M-") && id.split(separator: "\n").count == 3, "\(id)")
    let json = try warifu("disc", "info", "--json", "--disc").text
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(id.contains("=\(object["mediumID"] as? String ?? "none")\n"))
    #expect(object["device"] as? String == "/dev/sg77" && object["image"] == nil && object["dataOffset"] == nil)
    #expect(object["mediumIDStrength"] as? String == "host-asserted")
  }

  @Test func whatIsWrongWithADriveIsSaid() throws {
    let refused = try warifu("disc", "info", "--disc", environment: ["WARIFU_SHIM_REFUSE": "13"])
    #expect(refused.status == 66 && refused.text.contains("70-warifu-optical-memory.rules"), "\(refused.text)")
    let busy = try warifu("disc", "info", "--disc", environment: ["WARIFU_SHIM_REFUSE": "16"])
    #expect(busy.status == 75 && busy.text.contains("another program"), "\(busy.text)")
    try target.drive.eject()
    for verb in ["info", "list"] {
      let empty = try warifu("disc", verb, "--disc")
      #expect(empty.status == 66 && empty.text.contains("put a disc into the drive"), "\(empty.text)")
    }
    #expect(try warifu("disc", "id").status == 66)
    target.stop()
    let gone = try warifu("disc", "id")
    #expect(gone.status == 66 && gone.text.contains("cable"), "\(gone.text)")
  }

  @Test func whatIsNoDriveIsSaid() throws {
    for path in ["/dev/null", "/dev/tty"] {
      let answer = try ISCSIProgram.run(try BuiltProgram.path("warifu"), ["disc", "info", "--disc", path])
      #expect(answer.status == 66 && answer.text.contains("is no drive"), "\(answer.text)")
    }
  }
}
