import BrowserRig
import CardDriver
import CenterClient
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// The pages as a person has them, in a real Chromium.
@Suite(.serialized) struct BrowserTests {
  /// P1 and P23 (Fig 26, S1 to S6), scripts switched off: a slip of the fingers, a wrong code, the right one, the file.
  @Test func P23_aCodeIsRedeemedAtABrowser() async throws {
    try await PageServer.run { server in
      let codes = try await server.codes(2)
      var options = Browser.Options()
      options.runsScripts = false
      try await Browser.run(options) { browser in
        try await browser.open("data:text/html,<title>off</title><script>document.title='on'</script>")
        #expect(try await browser.title() == "off")
        try await browser.open(server.origin)
        try await browser.follow("main a.button")
        // S2: a slip of the fingers is told before anything is looked up.
        let slip = codes[0].text.dropLast() + (codes[0].text.hasSuffix("0") ? "1" : "0")
        try await browser.fill("#code", String(slip))
        try await browser.follow("main button")
        #expect(try await browser.text("#code-fault").contains("mistyped"))
        #expect(try await browser.property("value", of: "#code") == String(slip))
        // S4: a wrong code ends here.
        try await browser.redeem(RetrievalCode(from: server.random).text)
        #expect(try await browser.text(".alert").contains("cannot be redeemed here"))
        // S3 and S5: in any case, O for 0, I or L for 1, without hyphens.
        let typed = codes[0].text.lowercased().replacingOccurrences(of: "0", with: "o")
          .replacingOccurrences(of: "1", with: "l").replacingOccurrences(of: "-", with: "")
        try await browser.redeem(typed)
        #expect(try await browser.text("h1") == "Hanafuda 1.0")
        #expect(try await server.state(codes[0]) == .inUse)
        let address = try await browser.address()
        #expect(!address.contains(codes[0].text))
        // The back button repeats the answer: no second code is used, and no other download begun.
        try await browser.back()
        try await browser.open(address)
        // S6.
        try await browser.click("main .steps a.button")
        let sealed = try await browser.download("Hanafuda-1.0.sealed")
        try await browser.reload()
        try await browser.follow(".steps form button")
        #expect(try await browser.text("main").contains("the code is used"))
        #expect(try await server.state(codes[0]) == .used)
        var digest = PieceDigest()
        sealed.withUnsafeBytes { digest.update($0) }
        #expect(try await browser.text(".facts").contains(Hex.encode(digest.finalize())))
        // What was saved opens: the file is the seller's to the octet.
        try await browser.click("main .card a.button")
        _ = try await browser.download("Hanafuda-1.0.sealed.key")
        let saved = browser.downloads.appending(path: "Hanafuda-1.0.sealed").path
        let opened = server.folder.appending(path: "opened").path
        let title = try HandedOverTitle.open(download: saved, keyFile: saved + ".key", into: opened)
        #expect(title.softwareID == server.title.softwareID)
        #expect(FileManager.default.contents(atPath: opened).map { Array($0) } == server.content)
        #expect(FileManager.default.isExecutableFile(atPath: opened), "it is a program")
        // Another browser has nothing by the address.
        try await browser.forgetCookies()
        try await browser.open(address)
        #expect(try await browser.text("h1") == "This code is good for nothing here")
        // The same code again, by somebody else.
        try await browser.open(server.origin + "/redeem")
        try await browser.redeem(codes[0].text)
        #expect(try await browser.text(".alert").contains("cannot be redeemed here"))
      }
    }
  }

  /// P10 up to the download: the redeemer sets a number of copies, and copy n + 1 is refused.
  @Test func P10_copiesAreHandedOnAtABrowser() async throws {
    try await PageServer.run { server in
      try await server.center.copyRights.permit(2, of: server.title.softwareID)
      let codes = try await server.codes(1)
      try await Browser.run { browser in
        try await browser.open(server.origin + "/redeem")
        try await browser.redeem(codes[0].text)
        try await browser.takeEverything()
        try await browser.fill("#copies", "2")
        try await browser.follow("main section form button")
        let copyCode = try await browser.text("p.big")
        #expect(try await browser.text("main").contains("0 of 2 taken"))
        for copy in 1...2 {
          try await browser.forgetCookies()
          try await browser.open(server.origin + "/redeem")
          try await browser.redeem(copyCode)
          #expect(try await browser.text("h1") == "Hanafuda 1.0", "copy \(copy)")
        }
        try await browser.forgetCookies()
        try await browser.open(server.origin + "/redeem")
        try await browser.redeem(copyCode)
        #expect(try await browser.text(".alert").contains("cannot be redeemed here"))
      }
    }
  }

  /// P2: the sheet that is sold at the counter is printed on A4, equals the books, and is forgotten then.
  @Test func P2_theSealSheetIsPrinted() async throws {
    try await PageServer.run { server in
      try await Browser.run { browser in
        try await browser.signIn(server, .counter)
        try await browser.follow("tbody a")
        try await browser.fill("#sheet-quantity", "14")
        try await browser.follow("form[action$=sheets] button")
        #expect(try await browser.text("h1") == "Seal sheet 1")
        let sheet = try await server.center.rightsSeller.sheet(number: 1)
        let shown =
          try await browser.script(
            "return [...document.querySelectorAll('.seal .code')].map(e => e.textContent)") as? [String]
        #expect(shown == sheet.codes.map(\.text))
        let printed = server.folder.appending(path: "sheet.pdf")
        try Data(try await browser.print()).write(to: printed)
        let facts = try await Program.run(["pdfinfo", printed.path]).output
        #expect(facts.contains("(A4)"), "\(facts)")
        // Ten seals fit beneath one another in pairs; 14 need a second page.
        #expect(facts.contains(try Regex("Pages: +2\n")), "\(facts)")
        let text = try await Program.run(["pdftotext", "-layout", printed.path, "-"]).output
        for code in sheet.codes { #expect(text.contains(code.text)) }
        #expect(!text.contains("It is on paper"))
        // Every QR code on the paper leads to the page where it is redeemed. Of many in one picture the reader overlooks one
        // in a hundred, at any resolution; whoever scans a seal has one before the camera, and moves it.
        let picture = server.folder.appending(path: "sheet").path
        var read: Set<Substring> = []
        for resolution in ["150", "200", "300"] {
          _ = try await Program.run(["pdftoppm", "-r", resolution, "-png", printed.path, picture])
          for page in 1...2 {
            let said = try await Program.run(["zbarimg", "-q", "--raw", "\(picture)-\(page).png"]).output
            read.formUnion(said.split(separator: "\n"))
          }
        }
        #expect(read == Set(sheet.codes.map { Substring("\(server.origin)/redeem?code=\($0.text)") }))
        try await browser.open(String(try #require(read.first)))
        #expect(read.first?.hasSuffix(try await browser.property("value", of: "#code")) == true)
        // On paper: the centre forgets it.
        try await browser.open(server.origin + "/counter/sheets/1")
        try await browser.follow(".screen-only button")
        try await browser.open(server.origin + "/counter/sheets/1")
        #expect(try await browser.text(".lead").contains("forgotten its codes"))
      }
    }
  }

  /// P6 (Fig 27 S10 to S13) at the counter: an emulated card in the reader, charged, looked at by its own driver.
  @Test func P6_aCardIsChargedAtTheCounter() async throws {
    try await PageServer.run { server in
      server.card.hold()
      defer { server.card.letGo() }
      try await Browser.run { browser in
        try await browser.signIn(server, .counter)
        try await browser.fill("#serial", "\(server.serial)")
        try await browser.follow("main button")
        try await browser.fill("#charge-quantity", "5")
        try await browser.follow("form[action$=charges] button")
        // The page looks again by itself, without a script.
        #expect(try await browser.has(".progress"))
        server.card.letGo()
        try await browser.wait(for: "main .lead")
        #expect(try await browser.text(".lead") == "5 codes for Hanafuda 1.0, 1500 JPY.")
        let charge = try await browser.address()
        #expect(try await server.center.ledger.balance(of: .holder(server.serial), in: .yen).minorUnits == -1500)
        // S13: no card, and nothing is written or billed.
        server.card.remove()
        try await browser.open(server.origin + "/counter/cards/\(server.serial)")
        try await browser.follow("form[action$=charges] button")
        try await browser.wait(for: "main .alert")
        #expect(try await browser.text(".alert").contains("no card in the reader"))
        #expect(try await server.center.ledger.balance(of: .holder(server.serial), in: .yen).minorUnits == -1500)
        #expect(try await browser.address() != charge)
        // Unused codes are taken back; what they cost is on the account again.
        try await browser.open(server.origin + "/counter/cards/\(server.serial)")
        try await browser.choose("#refund-source", "charge")
        try await browser.fill("#refund-which", "1")
        try await browser.follow("form[action$=refunds] button")
        #expect(try await browser.text("main").contains("Codes taken back"))
        #expect(try await server.center.ledger.balance(of: .holder(server.serial), in: .yen).minorUnits == 0)
      }
    }
  }

  /// P7: a rule that is set at the counter grants, once, and what it grants is paid out.
  @Test func P7_aRuleIsSetAtTheCounter() async throws {
    try await PageServer.run { server in
      try await Browser.run { browser in
        try await browser.signIn(server, .counter)
        try await browser.open(server.origin + "/counter/payback")
        try await browser.choose("#kind", "bulk")
        try await browser.choose("#gives", "share")
        try await browser.fill("#value", "12.5")
        try await browser.fill("#codes-in-sale", "10")
        try await browser.follow("form[action='/counter/payback'] button")
        #expect(try await browser.text("tbody").contains("12.5 % of the sale"))
        #expect(try await browser.text("tbody").contains("at least 10 codes in the sale"))
        _ = try await server.codes(10)
        try await browser.open(server.origin + "/counter/cards/\(server.serial)")
        #expect(try await browser.text(".facts").contains("375 JPY"))
        try await browser.fill("#payout-amount", "375")
        try await browser.fill("#payout-currency", "JPY")
        try await browser.follow("form[action$=payouts] button")
        #expect(try await server.center.payback.balance(of: server.serial, in: .yen).minorUnits == 0)
        try await browser.open(server.origin + "/counter/payback")
        try await browser.follow("tbody button")
        #expect(try await browser.text("tbody").contains("ended"))
        // The holder reads of it: the notice itself only the card opens (P18).
        try await browser.open(server.origin + "/counter/ledger")
        #expect(try await browser.text("main").contains("pay-back"))
      }
    }
  }

  /// P18: a notice to a holder is on no page; the page says how the card opens it.
  @Test func P18_noticesAreSealedOnThePage() async throws {
    try await PageServer.run { server in
      _ = try await server.center.notices.send(
        "Your parcel is here", to: server.serial, operation: try server.operationID())
      try await Browser.run { browser in
        try await browser.signIn(server, .holder)
        let text = try await browser.text("main")
        #expect(text.contains("waiting for you") && text.contains("open them with your card"))
        #expect(!(try await browser.source()).contains("parcel"))
      }
    }
  }

  /// All by keyboard: skip link, focus order, forms.
  @Test func everythingWorksByKeyboard() async throws {
    try await PageServer.run { server in
      let code = try await server.codes(1)[0]
      try await Browser.run { browser in
        try await browser.open(server.origin + "/sign-in")
        // The page begins in its one field.
        #expect(try await browser.focus() == "input#code")
        try await browser.open(server.origin)
        try await browser.press(Key.tab)
        #expect(try await browser.focus() == "a#main")
        var order: [String] = []
        for _ in 0..<4 {
          try await browser.press(Key.tab)
          order.append(try await browser.focus())
        }
        #expect(order == ["a/", "a/redeem", "a/sign-in", "a/redeem"])
        try await browser.press(Key.enter)
        try await browser.wait(for: "#code")
        #expect(try await browser.focus() == "input#code")
        try await browser.press(code.text + Key.enter)
        try await browser.wait(for: "form[action='/redeem/begin']")
        for _ in 0..<20 where try await browser.focus() != "button" { try await browser.press(Key.tab) }
        try await browser.press(Key.enter)
        try await browser.wait(for: ".steps")
        #expect(try await server.state(code) == .inUse)
        // The focus can be seen wherever it is.
        try await browser.press(Key.tab + Key.tab)
        let outline =
          try await browser.script("return getComputedStyle(document.activeElement).outlineWidth") as? String
        #expect(outline == "3px")
      }
    }
  }

  /// Light and dark, in a wide window, on a telephone (320 px), and zoomed to 200 %. Where WARIFU_IMAGES names a folder,
  /// the pictures of docs/images are made there on the way.
  @Test(arguments: [false, true]) func pagesAreForEverybody(isDark: Bool) async throws {
    try await PageServer.run { server in
      let tour = try await server.furnish()
      let pictures = ProcessInfo.processInfo.environment["WARIFU_IMAGES"]
      for (width, scale) in [(960, 1.0), (320, 1.0), (640, 2.0)] {
        var options = Browser.Options()
        (options.width, options.scale, options.isDark) = (width, scale, isDark)
        if width == 960 { options.height = 720 }
        try await Browser.run(options) { browser in
          try await tour.walk(browser, server) { browser, name in
            let faults = try await browser.accessibilityFaults()
            let scheme = isDark ? "dark" : "light"
            #expect(faults.isEmpty, "\(name), \(width) px, \(scheme): \(faults)")
            if width == 960, let pictures {
              let path = "\(pictures)/center-\(name)-\(scheme).png"
              try Data(try await browser.screenshot()).write(to: URL(fileURLWithPath: path))
            }
          }
        }
      }
    }
  }
}

extension Browser {
  /// Types a code on the page that is open, and confirms it.
  func redeem(_ code: String) async throws {
    try await fill("#code", code)
    try await follow("main button")
    try await follow("main button")
  }

  /// Waits for a file that is being downloaded.
  func download(_ name: String) async throws -> [UInt8] {
    let file = downloads.appending(path: name)
    for _ in 0..<600 {
      // Chromium writes elsewhere and renames what is complete.
      if let data = try? Data(contentsOf: file), !data.isEmpty { return Array(data) }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Failure(description: "\(name) was not downloaded")
  }

  /// Downloads, says so, and is on the page with the key.
  func takeEverything() async throws {
    try await click("main .steps a.button")
    _ = try await download("Hanafuda-1.0.sealed")
    try await reload()
    try await follow(".steps form button")
  }
}
