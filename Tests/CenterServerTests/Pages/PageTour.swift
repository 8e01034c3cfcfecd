import BrowserRig
import ChallengeAccess
import Formats
import Foundation
import Identifiers

@testable import LicenseCenter

/// A walk past every page, with something to see on each.
struct PageTour: Sendable {
  /// A code that nobody redeems.
  var spare: RetrievalCode
  /// Codes for downloads, one for each walk.
  var forDownloads: [RetrievalCode]

  typealias Look = (Browser, String) async throws -> Void

  func walk(_ browser: Browser, _ server: PageServer, _ look: Look) async throws {
    let origin = server.origin
    for (name, path) in [("home", "/"), ("redeem", "/redeem"), ("sign-in", "/sign-in"), ("problem", "/counter")] {
      try await browser.open(origin + path)
      try await look(browser, name)
    }
    try await browser.open(origin + "/redeem?code=7K3M-9QWX-2FHA-D8TN-5")
    try await browser.follow("main button")
    try await look(browser, "mistyped")
    try await browser.fill("#code", spare.text)
    try await browser.follow("main button")
    try await look(browser, "confirm")
    try await browser.open(origin + "/redeem")
    for code in forDownloads where try await server.state(code) == .unused {
      try await browser.redeem(code.text)
      break
    }
    try await look(browser, "download")
    try await browser.takeEverything()
    try await look(browser, "done")
    try await browser.signIn(server, .holder)
    try await look(browser, "holder")
    try await browser.open(origin + "/holder/codes")
    try await look(browser, "holder-codes")
    try await browser.follow("nav button")
    try await browser.signIn(server, .counter)
    try await look(browser, "counter")
    for (name, path) in [
      ("card", "/counter/cards/\(server.serial)"), ("sheet", "/counter/sheets/1"), ("payback", "/counter/payback"),
      ("ledger", "/counter/ledger"), ("audit", "/counter/audit"),
    ] {
      try await browser.open(origin + path)
      try await look(browser, name)
    }
    try await browser.open(origin + "/counter/cards/\(server.serial)")
    try await browser.follow("main .plain li:last-child a")
    try await look(browser, "charge")
  }
}

extension PageServer {
  /// Puts something onto every page.
  func furnish() async throws -> PageTour {
    let rule = try PaybackRule(.bulk, .share(perMille: 100), on: PaybackConditions(codesInSale: 4))
    _ = try await center.payback.add(rule, operation: try operationID())
    let points = try PaybackRule(.points, .points(per: Money(minorUnits: 100, currency: .yen)))
    _ = try await center.payback.add(points, operation: try operationID())
    try await center.ledger.deposit(
      Money(minorUnits: 10_000, currency: .yen), for: serial, operation: try operationID())
    let codes = try await codes(8)
    try await center.copyRights.permit(3, of: title.softwareID)
    _ = try await center.charging.charge(
      try ChargeOrder(
        operationID: try operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: 3),
      over: try card.connect())
    return PageTour(spare: codes[0], forDownloads: Array(codes[1...]))
  }
}
