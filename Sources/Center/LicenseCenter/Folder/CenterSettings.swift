import Foundation

/// What a centre's folder remembers of how the centre is opened: the file `settings.json`. Nothing in it is a secret, and
/// nothing in it is believed: a database that is not this centre's is refused however it was found.
public struct CenterSettings: Hashable, Sendable {
  /// The URL of the database on a server, without its password; `nil` for the file in the folder.
  public var database: String?
  /// Whether bills are collected by the embedded simulator of a payment processor.
  public var simulatesPayments: Bool

  /// Settings; without any the database is a file, and bills stay on the holder's account.
  public init(database: String? = nil, simulatesPayments: Bool = false) {
    self.database = database
    self.simulatesPayments = simulatesPayments
  }

  /// What the centre is opened with.
  public var payments: PaymentConnection { simulatesPayments ? .simulated : .none }
}

extension CenterFolder {
  private static let settingsName = "settings.json"

  private var settingsPath: String { path + "/" + CenterFolder.settingsName }

  /// What was kept; the usual settings if nothing was.
  ///
  /// - Throws: ``CenterError/Code/damaged`` for a file that is not this program's.
  public func settings() throws(CenterError) -> CenterSettings {
    guard FileManager.default.fileExists(atPath: settingsPath) else { return CenterSettings() }
    let operation = "Reading the centre's settings"
    let octets = try FolderConstruction.read(settingsPath, operation)
    guard octets.count <= 1 << 16, let document = try? JSONDecoder().decode(SettingsDocument.self, from: Data(octets)),
      let settings = document.settings
    else {
      throw CenterError(
        .damaged, operation, remedy: "settings.json is not this program's; restore it, or remove it and name the database.")
    }
    return settings
  }

  /// Keeps settings, in the place of those before.
  public func keep(_ settings: CenterSettings) throws(CenterError) {
    let operation = "Keeping the centre's settings"
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let octets: [UInt8]
    do { octets = Array(try encoder.encode(SettingsDocument(settings))) + [0x0A] } catch {
      throw CenterError(error, during: operation)
    }
    try FolderConstruction.replace(settingsPath, with: octets, operation)
  }
}

/// The shape of the file.
private struct SettingsDocument: Codable {
  static let version = 1

  var database: String?
  var payments: String?
  var version: Int

  init(_ settings: CenterSettings) {
    database = settings.database
    payments = settings.simulatesPayments ? "simulated" : nil
    version = SettingsDocument.version
  }

  var settings: CenterSettings? {
    guard version == SettingsDocument.version, payments == nil || payments == "simulated" else { return nil }
    return CenterSettings(database: database, simulatesPayments: payments != nil)
  }
}
