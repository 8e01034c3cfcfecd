import Formats
import Foundation
import HTTPTypes
import LicenseCenter

/// What anybody may know about the centre.
enum CenterEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [facts(center), certificate(center)] }

  private static func facts(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/center", "getCenter", "The centre's id, name, certificates and time key.", access: .anyone,
      answer: .json(schema, "What anybody may know about the centre.")
    ) { _ in
      let facts = center.facts
      return .json([
        "center": .text(facts.centerID.description), "name": .text(facts.name),
        "createdAt": .integer(Int64(clamping: facts.createdAt)), "timeKey": .base64(facts.timeKey),
        "certificates": .object(
          Dictionary(uniqueKeysWithValues: CertificateName.allCases.map { ($0.rawValue, .base64($0.der(of: facts))) })),
      ])
    }
  }

  private static func certificate(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/center/certificates/{name}", "getCertificate", "One of the centre's certificates.", access: .anyone,
      parameters: [
        .path("name", .text(.choice(CertificateName.allCases.map(\.rawValue))), "Which one.")
      ],
      answer: .octets("application/pkix-cert", "X.509, DER.")
    ) { call in
      let name = try call.text("name", CertificateName.init(rawValue:))
      return .octets(name.der(of: center.facts), type: "application/pkix-cert")
    }
  }

  private enum CertificateName: String, CaseIterable {
    case authority, licenses, catalogues

    func der(of facts: CenterFacts) -> [UInt8] {
      switch self {
      case .authority: facts.authorityCertificate
      case .licenses: facts.licenseCertificate
      case .catalogues: facts.catalogueCertificate
      }
    }
  }

  private static let certificate = Schema.text(.base64(octets: 1...4096))
  private static let schema = Schema.named(
    "Center",
    .object([
      .init("center", .text(.hexadecimal(prefix: "C-", octets: 16...16)), "IDc."),
      .init("name", .text(.plain(1...53)), "Its name."),
      .init("createdAt", .time, "When it was made, seconds since 1970 UTC."),
      .init("timeKey", .text(.base64(octets: 65...65)), "The key that signs times for cards: a point of P-256."),
      .init(
        "certificates",
        .object(CertificateName.allCases.map { .init($0.rawValue, certificate, "X.509, DER.") }), "Its certificates."),
    ]))
}

extension JSON {
  /// Octets as a string.
  static func base64(_ octets: [UInt8]) -> JSON { .text(Data(octets).base64EncodedString()) }
}

extension Call {
  /// What a parameter spells. Its shape was checked, so that this throws only where shape and value disagree.
  func text<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value {
    guard let value = try parameters[name]?.spelled(make) else { throw Problem(.invalid, "\(name) is missing.") }
    return value
  }
}

extension JSON {
  /// What a string spells.
  func spelled<Value>(_ make: (String) -> Value?) throws(Problem) -> Value {
    guard case .text(let text) = self, let value = make(text) else {
      throw Problem(.invalid, "A value spells nothing.")
    }
    return value
  }

  /// What a member spells; the schema has said that it is there.
  func text<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value {
    guard let value = try self[name]?.spelled(make) else { throw Problem(.invalid, "\(name) is missing.") }
    return value
  }
}
