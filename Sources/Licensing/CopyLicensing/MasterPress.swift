import Cryptography
import DiscDriver
import Formats
import Identifiers

/// What a title is before it is pressed.
public struct PressedTitle: Sendable, Hashable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// Name and version, for people.
  public var name: String, version: String
  /// Which of the six types (C2).
  public var type: TitleType
  /// What a licence costs.
  public var price: Money

  /// A title.
  public init(softwareID: SoftwareID, name: String, version: String, type: TitleType, price: Money) {
    self.softwareID = softwareID
    self.name = name
    self.version = version
    self.type = type
    self.price = price
  }
}

/// Presses a master disc (M2): n sealed titles with their software ids, the signed catalogue, and the manager program.
///
/// Plaintext is read once, sealed segment by segment and never written; memory stays constant. The image gets its name
/// only when ``finish(_:)`` succeeds.
public struct MasterPress: ~Copyable {
  /// Where things lie on the disc.
  enum Place {
    static let catalogue = "warifu/catalogue.json"
    static let signature = "warifu/catalogue.sig"
    static let certificate = "warifu/catalogue.der"
    static let manager = "warifu/warifu"

    static func title(_ softwareID: SoftwareID) -> String { "titles/\(softwareID).sealed" }
  }

  private let writer: MasterDiscWriter
  private let random: any RandomSource
  private let certificate: [UInt8]

  /// What was pressed so far, for the centre to sign.
  public private(set) var catalogue: MasterCatalogue

  /// Begins an image.
  ///
  /// - Parameters:
  ///   - path: the image's name; nothing may exist there.
  ///   - name: the disc's name, for people.
  ///   - center: IDc.
  ///   - catalogueCertificate: DER of the certificate whose key signs the catalogue.
  ///   - time: of pressing, seconds since 1970.
  ///   - random: salts and nonce prefixes.
  public init(
    creating path: String, name: String, center: CenterID, catalogueCertificate: [UInt8], time: UInt64,
    random: any RandomSource
  ) throws(LicensingError) {
    writer = try licensing("press the master disc") {
      try MasterDiscWriter(
        creating: path, volumeName: MasterPress.volumeName(name), modificationTime: time)
    }
    self.random = random
    certificate = catalogueCertificate
    catalogue = MasterCatalogue(centerID: center, name: name, pressedAt: time, titles: [])
  }

  /// Seals a file of this machine under its content key and puts it on the disc.
  public mutating func add(
    _ title: PressedTitle, contentKey: borrowing Secret, from path: String,
    progress: ProgressHandler = withoutProgress
  ) throws(LicensingError) {
    try add(title, contentKey: contentKey, from: try SourceFile(path), progress: progress)
  }

  /// The same with a file that was opened, and so checked, before.
  public mutating func add(
    _ title: PressedTitle, contentKey: borrowing Secret, from source: SourceFile,
    progress: ProgressHandler = withoutProgress
  ) throws(LicensingError) {
    let operation = "press \(title.name)"
    let place = Place.title(title.softwareID)
    var sealer = try SegmentSealer(contentKey, title.softwareID, random, operation)
    let sealedLength = try licensing(operation) {
      try Content.parameters.ciphertextLength(plaintextLength: source.length)
    }
    try licensing(operation) { try writer.begin(place, length: sealedLength) }
    try sealer.seal(source, progress) { (piece) throws(LicensingError) in
      try licensing(operation) { try writer.append(piece) }
    }
    try licensing(operation) { try writer.end() }
    catalogue.titles.append(
      CatalogueTitle(
        softwareID: title.softwareID, name: title.name, version: title.version, type: title.type, path: place,
        plaintextOctets: source.length, ciphertextOctets: sealedLength, ciphertextDigest: sealer.finish(),
        price: title.price))
  }

  /// Puts the manager program on the disc, so that the disc brings what is needed to copy it (M2).
  public mutating func addManager(from path: String) throws(LicensingError) {
    try licensing("put the manager program on the disc") {
      try writer.add(Place.manager, contentsOf: path, isExecutable: true)
    }
  }

  /// Puts the signed catalogue on the disc and completes the image.
  public consuming func finish(_ signed: SignedCatalogue) throws(LicensingError) {
    let (writer, certificate) = (writer, certificate)
    try licensing("finish the master disc") {
      try writer.add(Place.catalogue, bytes: signed.json)
      try writer.add(Place.signature, bytes: signed.signature)
      try writer.add(Place.certificate, bytes: certificate)
      try writer.finish()
    }
  }

  /// ISO 9660 knows capitals, digits and `_` only.
  private static func volumeName(_ name: String) -> String {
    let letters = name.uppercased().utf8.prefix(32).map { octet -> UInt8 in
      switch octet {
      case 0x30...0x39, 0x41...0x5A: octet
      default: 0x5F
      }
    }
    return letters.isEmpty ? "WARIFU" : String(decoding: letters, as: UTF8.self)
  }
}

/// Seals a file segment by segment into one reused buffer.
private struct SegmentSealer: ~Copyable {
  private var sealer: StreamSealer
  private var digest = PieceDigest()
  private let buffer = SegmentBuffer()
  private let operation: String

  init(
    _ key: borrowing Secret, _ softwareID: SoftwareID, _ random: any RandomSource, _ operation: String
  ) throws(LicensingError) {
    do {
      sealer = try StreamSealer(
        key: key, associatedData: Content.associatedData(softwareID), parameters: Content.parameters, random: random)
    } catch {
      throw LicensingError(error, during: operation)
    }
    self.operation = operation
  }

  mutating func seal(
    _ source: SourceFile, _ progress: ProgressHandler,
    _ write: (UnsafeRawBufferPointer) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    buffer.octets.copyBytes(from: sealer.header)
    try emit(UnsafeRawBufferPointer(rebasing: buffer.octets[..<sealer.header.count]), write)
    var done: UInt64 = 0
    repeat {
      let count = Int(min(UInt64(sealer.nextCapacity), source.length - done))
      let plaintext = UnsafeMutableRawBufferPointer(rebasing: buffer.octets[..<count])
      try source.read(at: done, into: plaintext)
      done += UInt64(count)
      let length: Int
      do {
        length = try sealer.seal(UnsafeRawBufferPointer(plaintext), isLast: done == source.length, into: buffer.octets)
      } catch {
        throw LicensingError(error, during: operation)
      }
      try emit(UnsafeRawBufferPointer(rebasing: buffer.octets[..<length]), write)
      guard progress(TransferProgress(.sealing, done: done, total: source.length)) else {
        throw LicensingError(.cancelled, operation, remedy: "It was cancelled; nothing was made.")
      }
    } while done < source.length
  }

  private mutating func emit(
    _ octets: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    digest.update(octets)
    try write(octets)
  }

  /// The digest of everything written, as the catalogue gives it.
  consuming func finish() -> [UInt8] { digest.finalize() }
}
