import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Copy rights (P10): whoever redeemed a code may hand so many copies on as the title's seller permits.
enum CopyRightEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [permit(center), set(center)] }

  private static func permit(_ center: Center) -> Endpoint {
    Endpoint(
      .put, "/v1/copy-rights/{softwareID}", "permitCopies",
      "Says how many copies whoever redeems a code of a title may hand on from now on.", access: .roles([.counter]),
      parameters: [.path("softwareID", .softwareID, "SIDi: the title.")], body: copiesSchema(from: 0),
      answer: .json(copiesSchema(from: 0), "So many."), problems: [.notFound]
    ) { call in
      let copies = try call.copies
      try await center.copyRights.permit(
        copies, of: try call.text("softwareID") { SoftwareID($0) }, operation: try call.operation)
      return .json(["copies": .integer(Int64(copies))])
    }
  }

  private static func set(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/copy-rights", "setCopyRight",
      """
      Makes the code for copying of a download that is done, once. It is redeemed as any code is, once for each copy; copy \
      n + 1 is refused.
      """,
      access: .ticket, body: copiesSchema(from: 1),
      answer: .json(
        .named(
          "CopyRight",
          .object([
            .init("code", .text(.plain(17...32)), "The code for copying. A secret of those who may copy."),
            .init("copies", .integer(1...Int64(CopyRights.mostCopies)), "How many copies it is good for."),
            .init("taken", .integer(0...Int64(CopyRights.mostCopies)), "How many were taken."),
          ])), "The copy right.", status: .created), problems: [.conflict, .limitReached],
      repetition: .keepsItsAnswer
    ) { call in
      let (ticket, copies, rights) = (try call.ticket, try call.copies, center.copyRights)
      return try await call.once(at: center) { transaction in
        let right = try rights.set(ticket, copies: copies, in: transaction)
        return .json(
          [
            "code": .text(right.code.text), "copies": .integer(Int64(right.copies)),
            "taken": .integer(Int64(right.taken)),
          ], status: .created)
      }
    }
  }

  private static func copiesSchema(from least: Int64) -> Schema {
    .object([.init("copies", .integer(least...Int64(CopyRights.mostCopies)), "How many copies.")])
  }
}

extension Call {
  /// How many copies a body speaks of.
  fileprivate var copies: Int {
    get throws(Problem) {
      guard case .integer(let copies) = body["copies"] else { throw Problem(.invalid, "copies is missing.") }
      return Int(copies)
    }
  }
}
