import ChallengeAccess
import Formats
import Identifiers
import Testing

@testable import LicenseCenter

/// Signing in at a browser, by a code that somebody was given.
@Suite struct SignInTests {
  @Test func aCodeLetsOneSessionIn() async throws {
    let test = try await TestCenter()
    let desk = test.center.signIn
    let offer = try await desk.offer(.counter, to: nil, operation: try test.operationID())
    #expect(offer.expiresAt == test.clock.now() + 600)
    let typed = try SignInCode(typed: offer.code.text.lowercased())
    let attempt = try test.operationID()
    let grant = try #require(try await desk.signIn(typed, operation: attempt, from: nil).grant)
    #expect(grant.identity.role == .counter && grant.identity.client == offer.client)
    #expect(try await test.center.access.identity(of: grant.token) == grant.identity)
    #expect(grant.identity.expiresAt == test.clock.now() + SignInDesk.deskSeconds)
    // The same attempt again is the same session; another one is none.
    let again = try #require(try await desk.signIn(typed, operation: attempt, from: nil).grant)
    #expect(again.token.text == grant.token.text)
    #expect(try await desk.signIn(typed, operation: try test.operationID(), from: nil).grant == nil)
    // Whoever signed out does not come back by the code.
    try await test.center.access.end(grant.token)
    #expect(try await desk.signIn(typed, operation: attempt, from: nil).grant == nil)
  }

  @Test func anOfferIsRepeatedUnderItsOperation() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle()
    let operation = try test.operationID()
    let holder = AccessClientID.card(test.serial)
    let offer = try await test.center.signIn.offer(.holder, to: holder, operation: operation)
    test.clock.advance(by: 5)
    let again = try await test.center.signIn.offer(.holder, to: holder, operation: operation)
    #expect(again.code == offer.code && again.expiresAt == offer.expiresAt)
    await expectFailure(.keyReused) {
      _ = try await test.center.signIn.offer(.counter, to: nil, operation: operation)
    }
    let other = try await test.center.signIn.offer(.holder, to: holder, operation: try test.operationID())
    #expect(other.code != offer.code)
  }

  @Test func aCodeIsGoodForTenMinutes() async throws {
    let test = try await TestCenter()
    let offer = try await test.center.signIn.offer(.auditor, to: nil, operation: try test.operationID())
    test.clock.advance(by: 601)
    #expect(
      try await test.center.signIn.signIn(offer.code, operation: try test.operationID(), from: nil).grant == nil)
    let second = try await test.center.signIn.offer(.auditor, to: nil, operation: try test.operationID())
    test.clock.advance(by: 600)
    let grant = try await test.center.signIn.signIn(second.code, operation: try test.operationID(), from: nil).grant
    let token = try #require(grant).token
    test.clock.advance(by: SignInDesk.deskSeconds)
    await expectFailure(.denied(.tokenInvalid)) { _ = try await test.center.access.identity(of: token) }
  }

  @Test func nobodyIsLetInAsWhatHeIsNot() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle()
    let card = AccessClientID.card(test.serial)
    let unknown = AccessClientID.card(try #require(CardSerial(octets: [UInt8](repeating: 9, count: 8))))
    let desk = test.center.signIn
    await expectFailure(.invalid) { _ = try await desk.offer(.machine, to: nil, operation: try test.operationID()) }
    await expectFailure(.invalid) { _ = try await desk.offer(.holder, to: nil, operation: try test.operationID()) }
    await expectFailure(.notFound) {
      _ = try await desk.offer(.holder, to: unknown, operation: try test.operationID())
    }
    await expectFailure(.denied(.roleNotGranted)) {
      _ = try await desk.offer(.counter, to: card, operation: try test.operationID())
    }
    // Access that is taken away between offer and sign-in is gone.
    let offer = try await desk.offer(.holder, to: card, operation: try test.operationID())
    try await test.center.access.revoke(card)
    #expect(try await desk.signIn(offer.code, operation: try test.operationID(), from: nil).grant == nil)
  }

  @Test func wrongCodesAreCountedAndLockNobodyOut() async throws {
    let test = try await TestCenter()
    let desk = test.center.signIn
    let wrong = try #require(SignInCode(octets: [UInt8](repeating: 3, count: 10)))
    for _ in 0..<30 {
      guard case .refused = try await desk.signIn(wrong, operation: try test.operationID(), from: "192.0.2.1") else {
        Issue.record("not refused")
        return
      }
    }
    guard
      case .tooManyAttempts(let seconds) = try await desk.signIn(
        wrong, operation: try test.operationID(), from: "192.0.2.1")
    else {
      Issue.record("not limited")
      return
    }
    #expect((1...20).contains(seconds))
    let offer = try await desk.offer(.counter, to: nil, operation: try test.operationID())
    #expect(try await desk.signIn(offer.code, operation: try test.operationID(), from: "192.0.2.1").grant != nil)
  }

  @Test func noCodeAndNoTokenIsKept() async throws {
    let test = try await TestCenter()
    let offer = try await test.center.signIn.offer(.counter, to: nil, operation: try test.operationID())
    _ = try await test.center.signIn.signIn(offer.code, operation: try test.operationID(), from: nil)
    let rows = try await test.center.context.database.read { try $0.run("SELECT * FROM sign_in_codes", []) }
    #expect(rows.count == 1)
    #expect(!"\(rows)".contains(offer.code.text) && "\(offer.code)" == "SignInCode(redacted)")
    let columns = ["name", "client", "operation"].compactMap { try? rows[0].optionalOctets($0) }
    #expect(columns.allSatisfy { $0 != offer.code.octets })
  }
}

extension SignInAnswer {
  fileprivate var grant: SignInGrant? {
    if case .granted(let grant) = self { grant } else { nil }
  }
}
