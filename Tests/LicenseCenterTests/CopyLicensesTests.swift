import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct CopyLicensesTests {
  private func request(_ test: TestCenter, _ title: TitleRecord, medium: UInt8 = 1) throws -> LicenseRequest {
    LicenseRequest(
      operationID: try test.operationID(), cardSerial: test.serial, softwareID: title.softwareID,
      mediumID: try #require(MediumID(octets: [medium, 2, 3, 4, 5, 6, 7, 8])),
      terms: LicenseTerms(expiry: 1_900_000_000))
  }

  @Test func M4_requestIsOnRecord() async throws {
    let test = try await TestCenter()
    let request = try request(test, try await test.issuedCardAndTitle())
    _ = try await test.center.copyLicenses.license(request)
    #expect(try await test.center.copyLicenses.requests(of: test.serial) == [request])
    #expect(try await test.count("SELECT card FROM user_profiles") == 1)
    #expect(try await test.count("SELECT operation FROM license_requests WHERE license IS NOT NULL") == 1)
  }

  @Test func M4_requestIsOnRecordWhateverBecomesOfIt() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    var refused: [LicenseRequest] = []
    var unknownTitle = try request(test, title)
    unknownTitle.softwareID = try #require(SoftwareID(octets: [UInt8](repeating: 1, count: 16)))
    refused.append(unknownTitle)
    var attested = try request(test, title)
    attested.terms.requiresAttestedMedium = true
    refused.append(attested)
    for request in refused {
      await #expect(throws: CenterError.self) { _ = try await test.center.copyLicenses.license(request) }
      // Asking again neither helps nor adds a record.
      await #expect(throws: CenterError.self) { _ = try await test.center.copyLicenses.license(request) }
      test.clock.advance(by: 1)
    }
    #expect(try await test.center.copyLicenses.requests(of: test.serial) == refused)
    #expect(try await test.count("SELECT card FROM user_profiles") == 1)
    #expect(try await test.count("SELECT operation FROM license_requests WHERE license IS NULL") == 2)
    #expect(try await test.count("SELECT sequence FROM audit_log WHERE action = 'license.request'") == 2)
    #expect(try await test.count("SELECT number FROM licenses") == 0)
    _ = try await test.center.verify()
  }

  /// Licences of this centre have the host's word for the medium; a card that wants more would refuse each of them.
  @Test func attestedMediumIsRefused() async throws {
    let test = try await TestCenter()
    var request = try request(test, try await test.issuedCardAndTitle())
    request.terms.requiresAttestedMedium = true
    await expectFailure(.invalid) { _ = try await test.center.copyLicenses.license(request) }
    #expect(try await test.balance(.holder(test.serial)) == 0)
  }

  @Test func expiredLicenceIsRenewedAndBilledOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let licenses = test.center.copyLicenses
    let first = try request(test, title)
    let expired = try await licenses.license(first)
    var second = try request(test, title)
    second.terms.expiry = 2_000_000_000
    test.clock.advance(by: 1_900_000_000 - test.clock.now())
    await expectFailure(.conflict) { _ = try await licenses.license(second) }
    test.clock.advance(by: 1)
    var overToo = try request(test, title)
    overToo.terms.expiry = 1_900_000_000 - 1
    await expectFailure(.conflict) { _ = try await licenses.license(overToo) }
    let renewed = try await licenses.license(second)
    #expect(renewed.number != expired.number && renewed.terms == second.terms)
    #expect(renewed.certificateCode != expired.certificateCode)
    #expect(try await licenses.license(second) == renewed)
    var again = second
    again.operationID = try test.operationID()
    #expect(try await licenses.license(again) == renewed)
    // What an operation was answered with stays its answer.
    #expect(try await licenses.license(first) == expired)
    await expectFailure(.conflict) { _ = try await licenses.license(try request(test, title)) }
    #expect(try await licenses.licenses(of: test.serial) == [expired, renewed])
    #expect(try await test.balance(.holder(test.serial)) == -600)
    _ = try await test.center.verify()
  }

  @Test func M5_oneBill() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let first = try request(test, title)
    let license = try await test.center.copyLicenses.license(first)
    #expect(try await test.center.copyLicenses.license(first) == license)
    #expect(try await test.center.copyLicenses.license(try request(test, title)) == license)
    #expect(try await test.balance(.holder(test.serial)) == -300)
    #expect(try await test.count("SELECT id FROM ledger_entries") == 1)
    let other = try await test.center.copyLicenses.license(try request(test, title, medium: 2))
    #expect(other.number != license.number)
    #expect(try await test.balance(.holder(test.serial)) == -600)
    #expect(try await test.center.copyLicenses.licenses(of: test.serial) == [license, other])
    _ = try await test.center.verify()
  }

  @Test func M5_manyAtOnceGetOneLicenceAndOneBill() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let requests = try (0..<16).map { _ in try request(test, title) }
    let licenses = test.center.copyLicenses
    let answers = try await withThrowingTaskGroup(of: CopyLicense.self) { group in
      for request in requests { group.addTask { try await licenses.license(request) } }
      return try await group.reduce(into: Set<CopyLicense>()) { $0.insert($1) }
    }
    #expect(answers.count == 1)
    #expect(try await test.balance(.holder(test.serial)) == -300)
  }

  /// The card's side of M7 and M10, step by step.
  @Test func M5_cardCanRecomputeEverything() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let octets = try await test.center.copyLicenses.license(try request(test, title)).encoded
    let license = try CopyLicense.open(octets.span.bytes, under: try test.center.facts.licenseKey)
    #expect(license.centerID == test.center.facts.centerID)
    let individualKey = Secret(copying: try #require(test.card.state.individualKey))
    let userKey = try CardKeys.derive(individualKey, .copyLicenseUserKey, test.serial)
    let certificationKey = try KeyWrap.unwrap(license.wrappedCertificationKey, under: userKey)
    try CMAC.verify(certificationKey, license.certificateInput, tag: license.certificateCode)
    let wrappingKey = try CardKeys.contentWrappingKey(certificationKey, certificateInput: license.certificateInput)
    let contentKey = try KeyWrap.unwrap(license.wrappedContentKey, under: wrappingKey)
    let expected = try await test.center.titles.contentKey(of: title.softwareID)
    let isSame = contentKey.matches(expected)
    #expect(isSame)
    var moved = license
    moved.mediumID = try #require(MediumID(octets: [9]))
    #expect(throws: CryptoError.notAuthentic) {
      try CMAC.verify(certificationKey, moved.certificateInput, tag: moved.certificateCode)
    }
  }

  @Test func otherTermsOrContentAreAConflict() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let request = try request(test, title)
    _ = try await test.center.copyLicenses.license(request)
    var sameName = request
    sameName.mediumID = try #require(MediumID(octets: [9]))
    await expectFailure(.keyReused) { _ = try await test.center.copyLicenses.license(sameName) }
    var otherTerms = try self.request(test, title)
    otherTerms.terms = .unlimited
    await expectFailure(.conflict) { _ = try await test.center.copyLicenses.license(otherTerms) }
    var unknown = try self.request(test, title)
    unknown.softwareID = try #require(SoftwareID(octets: [UInt8](repeating: 1, count: 16)))
    await expectFailure(.notFound) { _ = try await test.center.copyLicenses.license(unknown) }
    #expect(try await test.balance(.holder(test.serial)) == -300)
    #expect(try await test.count("SELECT operation FROM license_requests WHERE license IS NOT NULL") == 1)
  }

  @Test func blankCardGetsNoLicence() async throws {
    let test = try await TestCenter()
    let title = try await test.center.titles.register(
      name: "t", version: "1", type: .data, seller: "s", price: .zero(.yen))
    let request = try request(test, title)
    await expectFailure(.conflict) { _ = try await test.center.copyLicenses.license(request) }
  }
}
