import ArgumentParser
import Cryptography
import DiscEmulator
import Foundation
import LicenseCenter
import Octets

/// `center drive`.
struct CenterDrive: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drive",
    abstract: "Drives that attest media: vouching for them, so that the centre's cards believe them.",
    subcommands: [CenterDriveNew.self, CenterDriveCertify.self])
}

/// `center drive new`.
struct CenterDriveNew: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Make an emulated drive's identity, and vouch for it.",
    discussion: """
      The file holds the drive's key, sealed under the emulator key: give it with --drive, or WARIFU_DRIVE, to whatever \
      uses a disc's image. Then the drive attests which disc is inside.

      Example:
        warifu center drive new drive.identity \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The file to make.")
  var file: String

  @Option(help: "The drive's serial number, 1 to 16 characters; without it one drawn by lot.")
  var serial: String?

  @Option(help: ArgumentHelp("SOURCE of the emulator key; without it the user's own.", valueName: "source"))
  var cardKey: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let random = SystemRandom()
    try NewPath.checkFolder(of: file)
    let emulatorKey = try EmulatorKey.readOrMake(cardKey, random: random)
    let serial = serial ?? "WF" + Hex.encode(random.octets(5))
    let key = try SigningKey(random: random)
    let publicKey = key.publicKey
    let certificate = try await center.use { center in
      try await center.driveCertifier.certify(serial: serial, publicKey: publicKey)
    }
    let identity = DriveIdentity(serial: serial, key: key, certificate: certificate)
    try OutputFile.write(try identity.sealed(under: emulatorKey, random: random), to: file)
    try output.write(DriveReport(file: file, serial: serial, publicKey: publicKey))
  }
}

/// `center drive certify`.
struct CenterDriveCertify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certify", abstract: "Vouch for a real drive's key, and save the certificate for its maker.",
    discussion: """
      The drive's private key never leaves the drive; its public key is a point of P-256, 65 octets in hexadecimal.

      Example:
        warifu center drive certify --serial MO-0042 \\
          --public-key "$(cat mo-0042.key)" --save mo-0042.cvc \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: "The drive's serial number, 1 to 16 characters.")
  var serial: String

  @Option(help: ArgumentHelp("The drive's public key, 130 hexadecimal digits.", valueName: "hex"))
  var publicKey: String

  @Option(help: ArgumentHelp("A file to make with the certificate in it.", valueName: "file"))
  var save: String

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    guard let point = Hex.decode(publicKey), point.count == 65 else {
      throw Failure(.usage, "this is no public key", remedy: "give 130 hexadecimal digits, beginning with 04")
    }
    try NewPath.checkFolder(of: save)
    let certificate = try await center.use { center in
      try await center.driveCertifier.certify(serial: serial, publicKey: point)
    }
    try OutputFile.write(certificate, to: save)
    try output.write(DriveReport(file: save, serial: serial, publicKey: point))
  }
}

private struct DriveReport: Report {
  let file: String
  let serial: String
  let publicKey: String

  init(file: String, serial: String, publicKey: [UInt8]) {
    self.file = file
    self.serial = serial
    self.publicKey = Hex.encode(publicKey)
  }

  var text: String { Columns.fields([("Drive", serial), ("Key", String(publicKey.prefix(18)) + "…"), ("File", file)]) }
}
