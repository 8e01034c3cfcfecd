import CardProtocol
import Foundation
import Octets
import Testing

/// The form of card-verifiable certificates, beside what others say of object identifiers and dates.
@Suite struct CardVerifiableCertificateTests {
  private func make(_ validity: ClosedRange<UInt64>) -> [UInt8]? {
    CardVerifiableCertificate.body(
      authority: [0x41], holder: [0x42], publicKey: [4] + [UInt8](repeating: 9, count: 64), validity: validity)
  }

  @Test func partsAreReadBack() throws {
    let body = try #require(make(1_767_225_600...1_798_761_599))
    let octets = CardVerifiableCertificate.encode(body: body, signature: [UInt8](repeating: 5, count: 64))
    #expect(octets.count <= CardVerifiableCertificate.maximumOctetCount)
    let certificate = try CardVerifiableCertificate(parsing: octets.span.bytes)
    #expect(certificate.body.octets == body)
    #expect(certificate.authority.octets == [0x41])
    #expect(certificate.holder.octets == [0x42])
    #expect(certificate.publicKey.octets == [4] + [UInt8](repeating: 9, count: 64))
    #expect(certificate.validity == 1_767_225_600...1_798_761_599)
    #expect(certificate.signature.octets == [UInt8](repeating: 5, count: 64))
  }

  /// Frozen: 2.25.89859061130956151690575681192292685049.5 in DER, as decision 0006 gives the arc.
  @Test func roleIsThatOfTheArc() throws {
    let body = try #require(make(1_767_225_600...1_767_225_600))
    let role = Hex.encode(body).contains("7F4C1A06156981879A9CF19CDB8293E7B9DCC2A685938AA97905530100")
    #expect(role)
  }

  /// Every day of the century is stated and read as Foundation's calendar has it.
  @Test func datesAreTheCalendars() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    for day in stride(from: UInt64(10_957), to: 47_482, by: 1) {
      let second = day * 86_400
      let body = try #require(make(second...(second + 86_399)))
      let parts = calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(second)))
      let digits = [(parts.year ?? 0) - 2000, parts.month ?? 0, parts.day ?? 0].flatMap { [$0 / 10, $0 % 10] }
      #expect(body.suffix(6).map(Int.init) == digits)
      let certificate = CardVerifiableCertificate.encode(body: body, signature: [UInt8](repeating: 5, count: 64))
      #expect(try CardVerifiableCertificate(parsing: certificate.span.bytes).validity == second...(second + 86_399))
    }
    #expect(make(946_684_799...946_684_800) == nil)
    #expect(make(946_684_800...4_102_444_800) == nil)
  }

  @Test func impossibleDatesAreRefused() throws {
    let sound = try #require(make(1_767_225_600...1_767_225_600))
    let bad: [[UInt8]] = [
      [2, 6, 0, 0, 0, 1], [2, 6, 1, 3, 0, 1], [2, 6, 0, 2, 2, 9], [2, 6, 0, 1, 0, 0], [2, 6, 0, 4, 3, 1],
      [2, 10, 0, 1, 0, 1], [2, 5, 0, 1, 0, 1],
    ]
    for digits in bad {
      let body = Array(sound.dropLast(6)) + digits
      let octets = CardVerifiableCertificate.encode(body: body, signature: [UInt8](repeating: 5, count: 64))
      #expect(throws: OctetError.self) { _ = try CardVerifiableCertificate(parsing: octets.span.bytes).validity }
    }
  }
}
