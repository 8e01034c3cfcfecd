import Cryptography
import Formats
import Identifiers
import Octets

/// Where requests for licences come in, whatever the profile: on record first (M4), then title, keys, and the bill last
/// (M11, M12).
struct LicenseDesk: Sendable {
  let context: CenterContext

  static let operation = "Licensing a copy"

  /// Answers a request; one that demands a `profile` gets no other. `word` is that of the drive that holds the medium.
  func serve(
    _ request: LicenseRequest, _ word: DriveWord? = nil, as profile: CopyProfile? = nil
  ) async throws(CenterError) -> TitleLicense {
    let context = context
    try await context.database.write { try LicenseBooks.save($0, context, request) }
    try await authorise(request)
    let license: TitleLicense
    do {
      license = try await answer(request, word, as: profile)
    } catch {
      try? await Payments(context: context).release(bill: request.bill)
      throw error
    }
    // Whatever was set aside for a licence that turned out to be there already, is let go.
    try? await Payments(context: context).release(bill: request.bill)
    return license
  }

  /// Has the price set aside where a means of payment is on file and a licence is going to be billed.
  private func authorise(_ request: LicenseRequest) async throws(CenterError) {
    guard context.processor != nil else { return }
    let price = try await context.database.read { transaction -> Money? in
      guard try LicenseBooks.answered(transaction, request) == nil,
        try LicenseBooks.newest(transaction, request).map({ $0.terms != request.terms }) ?? true
      else { return nil }
      return try TitleRow.get(transaction, request.softwareID).record.price
    }
    guard let price else { return }
    try await Payments(context: context).authorise(
      Bill(reference: request.bill, holder: request.cardSerial, amount: price))
  }

  /// The licence that there is, or a new one with its bill.
  private func answer(
    _ request: LicenseRequest, _ word: DriveWord?, as profile: CopyProfile?
  ) async throws(CenterError) -> TitleLicense {
    let context = context
    return try await context.database.write { transaction in
      if let license = try LicenseBooks.answered(transaction, request) { return license }
      // M11: an id that is not in the contents identifier file ends here, before there is any key.
      let title = try TitleRow.get(transaction, request.softwareID)
      let card = try CardRow.issued(transaction, request.cardSerial)
      if let profile, profile != title.record.profile { throw LicenseDesk.wrongProfile(title.record.profile) }
      let earlier = try LicenseBooks.newest(transaction, request)
      if let earlier, earlier.terms == request.terms {
        try LicenseBooks.answer(transaction, request, with: earlier)
        return earlier
      }
      let strength = try request.strength(of: word, context)
      try request.terms.expectGivable(by: title.record.profile, strength, inPlaceOf: earlier, at: context.clock.now())
      let license = try LicenseDesk.make(
        context, request, strength, card, title, number: UInt64(try transaction.nextNumber(of: "license")))
      try LicenseBooks.enter(transaction, license, title.record.price, inPlaceOf: earlier)
      try LicenseBooks.answer(transaction, request, with: license)
      try Payments.bill(transaction, context, request.bill)
      try LicenseBooks.bill(transaction, license, title.record)
      return license
    }
  }

  /// A new licence, signed.
  private static func make(
    _ context: CenterContext, _ request: LicenseRequest, _ strength: MediumIDStrength, _ card: CardRow,
    _ title: TitleRow, number: UInt64
  ) throws -> TitleLicense {
    let contentKey = try title.contentKey.open(of: request.softwareID, context)
    let individualKey = try card.individualKey(context.keys)
    let (center, now) = (context.facts.centerID, context.clock.now())
    // Hosts verify by the certificate on the card.
    let key = try Certificate(der: card.edition(context.facts).licenseCertificate).publicKey
    switch title.record.profile {
    case .certificate:
      var license = try LicenseMaker.make(
        number: number, request, strength, centerID: center, issuedAt: now, individualKey: individualKey,
        contentKey: contentKey, keys: context.keys)
      license.signature = try Authority.sign(license.signedOctets, .licenseSigning, as: key, context.keys)
      return .certificate(license)
    case .conversion:
      var license = try ConversionLicenseMaker.make(
        number: number, request, strength, centerID: center, issuedAt: now, individualKey: individualKey,
        masterKey: contentKey, keys: context.keys)
      license.signature = try Authority.sign(license.signedOctets, .licenseSigning, as: key, context.keys)
      return .conversion(license)
    }
  }

  /// The licences of a card, oldest first.
  func licenses(of serial: CardSerial) async throws(CenterError) -> [TitleLicense] {
    try await context.database.read { try LicenseBooks.licenses($0, of: serial) }
  }

  /// The requests of a card as they were saved, oldest first.
  func requests(of serial: CardSerial) async throws(CenterError) -> [LicenseRequest] {
    try await context.database.read { try LicenseBooks.requests($0, of: serial) }
  }

  /// The refusal to license a title in the way in which it is not sold.
  static func wrongProfile(_ profile: CopyProfile) -> CenterError {
    let remedy =
      switch profile {
      case .certificate: "This title is sold by certificate code; ask for such a licence."
      case .conversion: "This title is sold under conversion keys; ask for such a licence."
      }
    return CenterError(.conflict, operation, remedy: remedy)
  }
}

extension LicenseRequest {
  /// Under what its payment is noted.
  fileprivate var bill: String { "license-request:\(operationID)" }
}

extension LicenseTerms {
  /// Throws unless a licence can be given under these terms, in place of an earlier one under others if there is one.
  fileprivate func expectGivable(
    by profile: CopyProfile, _ strength: MediumIDStrength, inPlaceOf earlier: TitleLicense?, at now: UInt64
  ) throws(CenterError) {
    let operation = LicenseDesk.operation
    guard !requiresAttestedMedium || strength == .driveAttested else {
      throw CenterError(
        .invalid, operation,
        remedy: "No drive attests which disc this is; use a drive that this centre has certified, or ask without.")
    }
    guard !requiresAttestedMedium || profile == .certificate else {
      throw CenterError(
        .invalid, operation,
        remedy: "A title sold under conversion keys has no such licences, since no card would see to it; ask without.")
    }
    guard profile == .certificate || expiry == nil else {
      throw CenterError(
        .invalid, operation,
        remedy: "A title sold under conversion keys has licences without a date only, since no card would see to it.")
    }
    guard let earlier else { return }
    guard earlier.terms.areOver(at: now) else {
      throw CenterError(.conflict, operation, remedy: remedy(for: earlier.terms))
    }
    guard !areOver(at: now) else {
      throw CenterError(.conflict, operation, remedy: "The licence has expired; ask for terms that have not.")
    }
  }

  /// What to ask for where there is a licence under `earlier` ones.
  private func remedy(for earlier: LicenseTerms) -> String {
    switch (earlier.requiresAttestedMedium, requiresAttestedMedium) {
    case (true, false): "This medium has a licence that wants it attested by the drive; ask for that one."
    case (false, true): "This medium has a licence that does not want it attested; ask without."
    default: "This medium is licensed under other terms; ask for those."
    }
  }

  /// Whether a licence under them is dead at `time`.
  private func areOver(at time: UInt64) -> Bool { expiry.map { $0 < time } ?? false }
}
