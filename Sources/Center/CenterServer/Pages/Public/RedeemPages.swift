import Formats
import HTTPTypes
import LicenseCenter

/// Redeeming a code at a browser (P23, Fig 26): S1 the address, S2 the code and its judgement, S4 the error, S5 the download.
///
/// A slip of the fingers is told by the check symbol, before any look-up. What the centre finds wrong with a code has one
/// answer for all.
struct RedeemPages: Sendable {
  let center: Center

  static let path = "/redeem"
  private static let begin = "/redeem/begin"

  var all: [Page] {
    [
      .look(RedeemPages.path, "showRedeem", fields: [.optional("code", limit: 64)]) { call in
        RedeemPages.form(call, typed: call.fields["code"])
      },
      .form(RedeemPages.path, "checkCode", fields: [.optional("code", limit: 64)], back: RedeemPages.path) { call in
        RedeemPages.check(call)
      },
      .form(RedeemPages.begin, "redeemCode", fields: [.text("code", limit: 64)], back: RedeemPages.path, serve: redeem),
    ]
  }

  /// The form, with what was typed and what is wrong with it.
  private static func form(
    _ call: PageCall, typed: String? = nil, fault: String? = nil, refusal: String? = nil
  ) -> PageReply {
    var view: View = ["key": call.key(for: path), "typed": typed ?? ""]
    if let fault { view["fault"] = fault }
    if let refusal { view["refusal"] = refusal }
    let isWrong = fault != nil || refusal != nil
    return .html("redeem", view, status: isWrong ? .unprocessableContent : .ok)
  }

  /// Shows the code as it was read. Nothing is looked up yet.
  private static func check(_ call: PageCall) -> PageReply {
    guard let typed = call.fields["code"] else { return form(call, fault: "Type the code from your seal.") }
    do throws(RetrievalCodeError) {
      let code = try RetrievalCode(typed: typed)
      return .html("confirm", ["key": call.key(for: begin), "code": code.text])
    } catch {
      return form(call, typed: typed, fault: "\(error.advice)")
    }
  }

  private func redeem(_ call: PageCall) async throws -> PageReply {
    guard let code = call.fields["code"].flatMap({ try? RetrievalCode(typed: $0) }),
      let key = IdempotencyKey(octets: try call.operation.octets)
    else { throw FormReader.malformed }
    let client = RedeemingClient(address: call.address)
    switch try await center.redemption.begin(RedemptionRequest(code: code, key: key, client: client)) {
    case .granted(let grant):
      let path = DownloadPages.path(of: grant.ticket)
      // The ticket is in no address: a cookie goes to this download's pages alone, for as long as a download may take.
      let cookie = Cookie(
        name: Cookie.ticket, value: grant.ticket.text, path: path, seconds: DownloadPages.ticketSeconds)
      return .seeOther(path, [cookie])
    case .refused:
      return RedeemPages.form(
        call,
        refusal: """
          This code cannot be redeemed here. Check that it is from a seal of this centre and was not used before, \
          or ask whoever gave it to you.
          """)
    case .tooManyAttempts(let seconds):
      var reply = RedeemPages.form(
        call,
        refusal: "Too many codes were tried from here. Wait \(Shown.count(Int(seconds), "second")), then try again.")
      reply.status = .tooManyRequests
      return reply
    }
  }
}

extension RetrievalCodeError {
  /// What somebody does who mistyped a code.
  var advice: String {
    switch self {
    case .wrongLength: "A code has 17 symbols: four groups of four and one at the end. Compare it with your paper."
    case .foreignSymbol(let position): "Symbol \(position) is one that stands in no code. Compare it with your paper."
    case .typingError: "One or two symbols are mistyped. Compare the code with your paper, and type it again."
    }
  }
}
