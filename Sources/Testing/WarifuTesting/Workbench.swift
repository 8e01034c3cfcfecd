import CardDriver
import CardEmulator
import CardFirmware
import CopyLicensing
import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Formats
import ISO7816
import Identifiers
import LicenseCenter
import SecureChannel

/// Everything a licensing test needs, in one folder and one process: a centre, cards, master discs, target discs.
///
/// Chance comes from a seed and time from a virtual clock, so a test runs the same every time.
public final class Workbench {
  /// The folder; gone with the workbench.
  public let folder: TemporaryFolder
  /// The time that everything here goes by.
  public let clock: VirtualClock
  /// Where all chance comes from.
  public let random: any RandomSource
  /// The licence centre.
  public private(set) var center: Center

  private init(folder: TemporaryFolder, clock: VirtualClock, random: any RandomSource, center: Center) {
    self.folder = folder
    self.clock = clock
    self.random = random
    self.center = center
  }

  /// Sets up a centre with new keys. Its passphrase costs next to nothing to check.
  public static func setUp(seed: UInt64 = 1, clock: VirtualClock = VirtualClock()) async throws -> Workbench {
    let folder = try TemporaryFolder()
    let random = SeededRandom(seed: seed)
    let centerFolder = try await CenterFolder.create(
      at: folder("center"), name: "Test centre", passphrase: Secret(copying: Array("passphrase".utf8)),
      cost: .test, random: random, clock: clock)
    let center = try await centerFolder.open(
      passphrase: Secret(copying: Array("passphrase".utf8)), random: random, clock: clock)
    return Workbench(folder: folder, clock: clock, random: random, center: center)
  }

  /// Makes a next version of one of the centre's keys, and opens the centre with it.
  public func rotate(_ purpose: KeyPurpose) async throws {
    let centerFolder = CenterFolder(folder("center"))
    let passphrase = Array("passphrase".utf8)
    _ = try await centerFolder.rotate(purpose, passphrase: Secret(copying: passphrase), random: random, clock: clock)
    let rotated = try await centerFolder.open(passphrase: Secret(copying: passphrase), random: random, clock: clock)
    try center.close()
    center = rotated
  }

  // MARK: Cards

  /// A card that is someone's, with what its holder knows.
  public struct IssuedCard {
    /// The emulated card itself.
    public let emulator: EmulatedCard
    /// The way to it.
    public let connection: CardConnection
    /// Its application, freshly selected.
    public let card: WarifuCard
    /// Its serial.
    public let serial: CardSerial
    /// The PIN and PUK of its letter.
    public let pin: String, puk: String
  }

  /// Makes a blank card in memory, registers it and has the centre issue it (P2).
  public func issueCard(
    profile: CardProfile = .standard, purchaser: String = "A. Holder", maximumCodes: UInt32 = 100,
    generationKeys: [UInt8] = [1]
  ) async throws -> IssuedCard {
    let made = try EmulatedCard.inMemory(profile: profile, random: random)
    try await center.cardIssuer.register(
      try made.production.record(moduleType: "emulated card", producedAt: clock.now()))
    let connection = try CardConnection(made.card)
    let serial = made.production.serial
    _ = try await center.cardIssuer.issue(
      try CardIssueOrder(
        cardSerial: serial, purchaser: purchaser, maximumCodes: maximumCodes, generationKeys: generationKeys),
      over: DirectRelay(connection))
    let letter = try await center.cardIssuer.pinLetter(of: serial)
    try connection.reset()
    return IssuedCard(
      emulator: made.card, connection: connection, card: try WarifuCard(connection), serial: serial, pin: letter.pin,
      puk: letter.puk)
  }

  /// Has the centre tell the card the time of the virtual clock.
  public func setTime(_ issued: IssuedCard) async throws {
    let challenge = try issued.card.challenge()
    let (time, signature) = try await center.cardTime.sign(for: issued.serial, challenge: challenge)
    try issued.card.setTime(time, signature: signature)
  }

  // MARK: Discs

  /// A target disc with its drive.
  public struct TargetDisc {
    /// The image file.
    public let path: String
    /// The drive with the disc in it.
    public let drive: EmulatedDrive
    /// The disc's licensed volume.
    public let volume: LicensedVolume
  }

  /// Makes what lets a drive attest media, and has the centre vouch for it.
  public func makeDriveIdentity(serial: String = "WF00000001") async throws -> DriveIdentity {
    let key = try SigningKey(random: random)
    let certificate = try await center.driveCertifier.certify(serial: serial, publicKey: key.publicKey)
    return DriveIdentity(serial: serial, key: key, certificate: certificate)
  }

  /// Makes a disc and a licensed volume on it; `generalUse` is what the other partition gets, a quarter if nothing is said.
  ///
  /// - Parameter identity: lets the drive that it is in attest it; by default that drive attests nothing.
  public func makeDisc(
    _ name: String, geometry: MediumGeometry = .mb128, generalUse: UInt64? = nil, in identity: DriveIdentity? = nil
  ) throws -> TargetDisc {
    let disc = try EmulatedDisc.manufacture(at: folder(name), geometry: geometry, manufactured: clock.now()) {
      random.fill($0)
    }
    let drive = EmulatedDrive(configuration: DriveConfiguration(signer: identity), medium: disc)
    let volume = try LicensedVolume.format(try DriveSession(drive), generalUse: generalUse, random: random)
    return TargetDisc(path: folder(name), drive: drive, volume: volume)
  }

  /// Presses a master disc with one title for each file, all sold under `profile`.
  ///
  /// - Returns: the image's path and the software ids, in the order of the files.
  public func pressMaster(
    _ name: String, _ files: [(path: String, type: TitleType)],
    price: Money = Money(minorUnits: 500, currency: .euro), profile: CopyProfile = .certificate
  ) async throws -> (path: String, titles: [SoftwareID]) {
    var press = try MasterPress(
      creating: folder(name), name: "Test disc", center: center.facts.centerID,
      catalogueCertificate: center.facts.catalogueCertificate, time: clock.now(), random: random)
    var titles: [SoftwareID] = []
    for file in files {
      let title = try await center.titles.register(
        name: String(file.path.split(separator: "/").last ?? "title"), version: "1.0", type: file.type,
        seller: "Seller", price: price, profile: profile)
      let key = try await center.titles.contentKey(of: title.softwareID)
      try press.add(
        PressedTitle(
          softwareID: title.softwareID, name: title.name, version: title.version, type: title.type, price: price),
        contentKey: key, from: file.path)
      titles.append(title.softwareID)
    }
    let signed = try await center.titles.sign(press.catalogue)
    try press.finish(signed)
    return (folder(name), titles)
  }

  // MARK: Copying

  /// A session of a card with a disc.
  public func session(_ card: IssuedCard, _ disc: TargetDisc) throws -> CopySession {
    let anchor = try TrustAnchor(card: card.card, time: clock.now())
    return try CopySession(
      volume: disc.volume, card: card.card,
      anchor: anchor.believing(center.facts.editions.map(\.authorityCertificate)))
  }

  /// Asks the centre for a licence by certificate code and writes it to the disc (S1 to S3).
  @discardableResult
  public func license(
    _ title: SoftwareID, in session: CopySession, terms: LicenseTerms = .unlimited
  ) async throws -> CopyLicense {
    let license = try await center.copyLicenses.license(try request(title, in: session, terms: terms))
    try session.install(license)
    return license
  }

  /// Asks the centre for a licence by conversion keys and writes it to the disc (S11 to S15).
  @discardableResult
  public func conversionLicense(
    _ title: SoftwareID, in session: CopySession
  ) async throws -> ConversionLicense {
    let license = try await center.conversionLicenses.license(try request(title, in: session))
    try session.install(license)
    return license
  }

  /// What the session asks the centre for, under an operation id of its own (M4).
  public func request(
    _ title: SoftwareID, in session: CopySession, terms: LicenseTerms = .unlimited
  ) throws -> LicenseRequest {
    guard let operation = OperationID(octets: random.octets(16)) else { throw WorkbenchError.badRandom }
    return try session.request(for: title, operationID: operation, terms: terms)
  }
}

/// What a workbench cannot work around.
public enum WorkbenchError: Error {
  /// The random source gave too little.
  case badRandom
}

extension EmulatedCard.Production {
  /// The record that the maker of a card hands to its issuer.
  public borrowing func record(moduleType: String, producedAt: UInt64) throws(FormatError) -> ProductionRecord {
    let length = transportKeys.count / 3
    func key(_ index: Int) -> Secret {
      transportKeys.withBytes { Secret(copying: $0.extracting((index * length)..<((index + 1) * length))) }
    }
    return try ProductionRecord(
      cardSerial: serial, moduleType: moduleType, productionNumber: serial.description, producedAt: producedAt,
      encryptionKey: key(0), macKey: key(1), dataKey: key(2))
  }
}
