import LicenseCenter
import Mustache

/// The templates, read once.
struct PageTemplates: Sendable {
  private let library: MustacheLibrary

  init() throws(CenterError) {
    MustacheContentTypes.register(PageText(), named: PageText.name)
    var library = MustacheLibrary()
    do {
      for (name, text) in PageTemplates.all {
        try library.register("{{% CONTENT_TYPE: \(PageText.name)}}\(text)", named: name)
      }
    } catch {
      throw CenterError(.invalid, "Reading the pages' templates", remedy: "This program was built wrongly.")
    }
    self.library = library
  }

  func render(_ view: View, with template: String) throws(Problem) -> [UInt8] {
    guard let text = library.render(view, withTemplate: template) else {
      throw Problem(.failed, "There is no template for this page.")
    }
    return Array(text.utf8)
  }

  private static let all: [String: String] = [
    "layout": layout, "problem": problem, "home": home, "redeem": redeem, "confirm": confirm, "download": download,
    "sign-in": signIn, "holder": holder, "holder-codes": holderCodes, "counter": counter, "card": card,
    "grants": grants, "card-sell": cardSell, "card-money": cardMoney, "sheet": sheet, "charge": charge,
    "payback": payback,
    "audit": audit, "ledger": ledger,
  ]
}

/// Text inside HTML, escaped by Unicode scalar: by character, as the library's own does it, a quotation mark with a combining
/// mark behind it would pass.
private struct PageText: MustacheContentType {
  static let name = "WARIFU_PAGE"

  func escapeText(_ text: String) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
      case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
      case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
      case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
      case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }
}
