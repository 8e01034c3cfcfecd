import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel
import Testing

@testable import LicenseCenter

/// Embodiment 2 at the centre: request, title file, keys, bill (M4, M11, M12).
@Suite(.onEveryEngine) struct ConversionLicensesTests {
  private func request(_ test: TestCenter, _ softwareID: SoftwareID, medium: UInt8 = 1) throws -> LicenseRequest {
    LicenseRequest(
      operationID: try test.operationID(), cardSerial: test.serial, softwareID: softwareID,
      mediumID: try #require(MediumID(octets: [medium, 2, 3, 4, 5, 6, 7, 8])))
  }

  /// An issued card, and a title for 300 yen that is sold under conversion keys.
  private func title(_ test: TestCenter) async throws -> SoftwareID {
    _ = try await test.issuedCardAndTitle()
    return try await test.center.titles.register(
      name: "film", version: "1", type: .video, seller: "Publisher", price: Money(minorUnits: 300, currency: .yen),
      profile: .conversion
    ).softwareID
  }

  @Test func M11_unknownTitleGetsNoKeyAndNoBill() async throws {
    let test = try await TestCenter()
    _ = try await title(test)
    let unknown = try request(test, try #require(SoftwareID(octets: [UInt8](repeating: 1, count: 16))))
    for _ in 0..<2 {
      await expectFailure(.notFound) { _ = try await test.center.conversionLicenses.license(unknown) }
    }
    #expect(try await test.count("SELECT number FROM licenses") == 0)
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    #expect(try await test.balance(.holder(test.serial)) == 0)
    // The request itself is on record (M4).
    #expect(try await test.center.copyLicenses.requests(of: test.serial) == [unknown])
    #expect(try await test.count("SELECT operation FROM license_requests WHERE license IS NULL") == 1)
  }

  @Test func M12_titleThenKeysThenBill() async throws {
    let test = try await TestCenter()
    let softwareID = try await title(test)
    let log = StatementLog(test.center.context.database)
    let center = Center(context: test.center.context.replacing(log))
    _ = try await center.conversionLicenses.license(try request(test, softwareID))
    let statements = log.take()
    func first(_ start: String) throws -> Int {
      try #require(statements.firstIndex { $0.hasPrefix(start) }, "\(start) was not run")
    }
    let order = [
      try first("INSERT INTO license_requests"), try first("SELECT * FROM titles"), try first("INSERT INTO licenses"),
      try first("UPDATE license_requests"), try first("INSERT INTO ledger_entries"), try first("INSERT INTO postings"),
    ]
    #expect(order == order.sorted())
    // Nothing but the booking itself comes after it has begun.
    let booking = statements[try first("INSERT INTO ledger_entries")...]
    #expect(booking.allSatisfy { ["ledger", "postings", "accounts", "counters"].contains(where: $0.contains) })
  }

  @Test func M12_oneBillHoweverOftenItIsAskedFor() async throws {
    let test = try await TestCenter()
    let softwareID = try await title(test)
    let licenses = test.center.conversionLicenses
    let first = try request(test, softwareID)
    let license = try await licenses.license(first)
    #expect(try await licenses.license(first) == license)
    let requests = try (0..<16).map { _ in try request(test, softwareID) }
    let answers = try await withThrowingTaskGroup(of: ConversionLicense.self) { group in
      for request in requests { group.addTask { try await licenses.license(request) } }
      return try await group.reduce(into: Set<ConversionLicense>()) { $0.insert($1) }
    }
    #expect(answers == [license])
    #expect(try await test.balance(.holder(test.serial)) == -300)
    let other = try await licenses.license(try request(test, softwareID, medium: 2))
    #expect(other.number != license.number && other.wrappedMediumKey != license.wrappedMediumKey)
    #expect(try await test.balance(.holder(test.serial)) == -600)
    #expect(try await licenses.licenses(of: test.serial) == [license, other])
    #expect(try await test.center.copyLicenses.licenses(of: test.serial).isEmpty)
    var changed = first
    changed.mediumID = try #require(MediumID(octets: [9]))
    await expectFailure(.keyReused) { _ = try await licenses.license(changed) }
    _ = try await test.center.verify()
  }

  /// The card's side, step by step: what the licence carries opens to the key of the medium and to the title's own.
  @Test func M12_cardCanOpenBothKeys() async throws {
    let test = try await TestCenter()
    let softwareID = try await title(test)
    let octets = try await test.center.conversionLicenses.license(try request(test, softwareID)).encoded
    let license = try ConversionLicense.open(octets.span.bytes, under: try test.center.facts.licenseKey)
    let individualKey = Secret(copying: try #require(test.card.state.individualKey))
    let secret = try CardKeys.derive(individualKey, .conversionSecret, test.serial)
    func open(_ wrapped: [UInt8], _ info: [UInt8]) throws -> [UInt8] {
      let key = try Derivation.hkdf(secret, salt: [], info: info, octets: 32)
      return try KeyWrap.unwrap(wrapped, under: key).withBytes { $0.octets }
    }
    let medium = license.mediumID.octets
    let masterKey = try await test.center.titles.contentKey(of: softwareID).withBytes { $0.octets }
    #expect(try open(license.wrappedMasterKey, Array("Ka".utf8) + medium + softwareID.octets) == masterKey)
    let mediumKey = try open(license.wrappedMediumKey, Array("Ku".utf8) + medium)
    let expected = try test.center.context.keys.withKey(.conversionRoot) { root in
      try ConversionKeys.mediumKey(root, license.mediumID).withBytes { $0.octets }
    }
    #expect(mediumKey == expected && mediumKey != masterKey)
    #expect(throws: CryptoError.notAuthentic) { try open(license.wrappedMediumKey, Array("Ku".utf8) + [9]) }
  }

  /// A title has one profile for all its life, and no licence of the other.
  @Test func titleIsLicensedAsItIsSoldOnly() async throws {
    let test = try await TestCenter()
    let byCertificate = try await test.issuedCardAndTitle().softwareID
    let byConversion = try await test.center.titles.register(
      name: "film", version: "1", type: .video, seller: "Publisher", price: .zero(.yen), profile: .conversion
    ).softwareID
    let (center, serial) = (test.center, test.serial)
    let (first, second) = (try request(test, byCertificate), try request(test, byConversion))
    await expectFailure(.conflict) { _ = try await center.conversionLicenses.license(first) }
    await expectFailure(.conflict) { _ = try await center.copyLicenses.license(second) }
    #expect(try await center.titleLicenses.license(first).profile == .certificate)
    #expect(try await center.titleLicenses.license(second).profile == .conversion)
    // What was answered in the one way is not answered in the other.
    await expectFailure(.conflict) { _ = try await center.conversionLicenses.license(first) }
    await expectFailure(.conflict) { _ = try await center.copyLicenses.license(second) }
    #expect(try await center.titleLicenses.licenses(of: serial).map(\.softwareID) == [byCertificate, byConversion])
    #expect(try await center.titles.title(byCertificate).profile == .certificate)
    #expect(try await center.titles.title(byConversion).profile == .conversion)
  }

  /// No card sees to a date here, so the centre gives none.
  @Test(arguments: [LicenseTerms(expiry: 1_900_000_000), LicenseTerms(requiresAttestedMedium: true)])
  func termsThatNobodyWouldEnforceAreRefused(_ terms: LicenseTerms) async throws {
    let test = try await TestCenter()
    var request = try request(test, try await title(test))
    request.terms = terms
    await expectFailure(.invalid) { _ = try await test.center.conversionLicenses.license(request) }
    #expect(try await test.balance(.holder(test.serial)) == 0)
  }

  /// Ka is made anew whenever it is wanted and stored nowhere.
  @Test func masterKeyIsStoredNowhere() async throws {
    let test = try await TestCenter()
    let softwareID = try await title(test)
    let first = try await test.center.titles.contentKey(of: softwareID).withBytes { $0.octets }
    let second = try await test.center.titles.contentKey(of: softwareID).withBytes { $0.octets }
    #expect(first == second)
    let stored = try await test.center.context.database.read { transaction in
      try transaction.run("SELECT content_key FROM titles WHERE conversion_root IS NOT NULL")
        .map { try $0.octets("content_key") }
    }
    #expect(stored == [[]])
  }
}

extension CenterContext {
  fileprivate func replacing(_ database: any Database) -> CenterContext {
    CenterContext(facts: facts, database: database, keys: keys, clock: clock, random: random)
  }
}
