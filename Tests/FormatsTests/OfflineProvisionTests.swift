import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel
import Testing

/// What client and centre share about downloads and off-line files; the values were computed by Python's `cryptography`.
@Suite struct OfflineProvisionTests {
  /// Frozen: files that were handed over must stay readable.
  private static let frozen =
    "575208010100080000000000000007020010000102030405060708090A0B0C0D0E0F050010101112131415161718191A1B1C1D1E1F2000"
    + "0800000000000004D22100205A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A0B00286B6B6B6B6B6B6B6B"
    + "6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B6B18000800000000713FB3000C0008000000006B49D200"

  private static func softwareID() throws -> SoftwareID {
    try #require(SoftwareID(octets: Sample.bytes(0x10, 16)))
  }

  private static func provision(expiry: UInt64? = 1_900_000_000) throws -> OfflineProvision {
    OfflineProvision(
      number: 7, centerID: try #require(CenterID(octets: Sample.bytes(0, 16))), softwareID: try softwareID(),
      octets: 1234, digest: [UInt8](repeating: 0x5A, count: 32),
      wrappedContentKey: [UInt8](repeating: 0x6B, count: 40), expiry: expiry, madeAt: 1_800_000_000,
      signature: Sample.bytes(0x80, 64))
  }

  @Test func encodingIsFrozen() throws {
    #expect(Hex.encode(try Self.provision().signedOctets) == Self.frozen)
  }

  @Test func readsBackWhatItWrote() throws {
    for expiry in [nil, 1, UInt64.max] as [UInt64?] {
      let provision = try Self.provision(expiry: expiry)
      let octets = provision.encoded
      #expect(try OfflineProvision(parsing: octets.span.bytes) == provision)
      #expect(octets.count <= OfflineProvision.maximumOctetCount)
      #expect(provision.fileHead.count == octets.count + OfflineProvision.lengthOctets)
    }
  }

  @Test func parserIsStrictAndNeverTraps() throws {
    try expectStrict(try Self.provision().encoded) { try OfflineProvision(parsing: $0.span.bytes).encoded }
  }

  @Test func headOfAFileIsCheckedBeforeItIsRead() throws {
    let key = try SigningKey(random: SystemRandom())
    var provision = try Self.provision()
    provision.signature = try key.sign(provision.signedOctets)
    let head = provision.fileHead
    let (opened, start) = try OfflineProvision.open(fileHead: head + [1, 2, 3], under: key.verificationKey)
    #expect(opened == provision && start == head.count)
    #expect(throws: FormatError(.truncated, "off-line provision")) {
      _ = try OfflineProvision.open(fileHead: Array(head.dropLast()), under: key.verificationKey)
    }
    #expect(throws: FormatError(.oversized, "off-line provision")) {
      _ = try OfflineProvision.open(fileHead: [255, 255, 255, 255] + head, under: key.verificationKey)
    }
    let other = try SigningKey(random: SystemRandom())
    #expect(throws: FormatError(.notAuthentic, "off-line provision")) {
      _ = try OfflineProvision.open(fileHead: head, under: other.verificationKey)
    }
  }

  @Test func keysAreWrappedAsPythonDoes() throws {
    let softwareID = try Self.softwareID()
    let contentKey = Secret(copying: Sample.bytes(0x40, 32))
    let ticket = try #require(DownloadTicket(octets: Sample.bytes(0, 32)))
    let code = try #require(RetrievalCode(octets: Sample.bytes(0xA0, 10)))
    let forTicket = try DownloadContent.wrap(contentKey, for: ticket, softwareID)
    #expect(
      Hex.encode(forTicket) == "A7C7BDC1014C12BAD915FF0F4DBD21B69219046A2230C22C9490A001F88ED3A03453A2EAE102F2C7")
    let forCode = try DownloadContent.wrap(contentKey, for: code, softwareID)
    #expect(Hex.encode(forCode) == "2B2E90968F8C1672BBB7F2183DBF4C0BD8CBDF5516BC96FBBE9FE82C1525FF8B4BBBC85709C085F1")
    #expect(
      Hex.encode(DownloadContent.associatedData(softwareID))
        == "10001177617269667520646F776E6C6F61642031030010101112131415161718191A1B1C1D1E1F")
    #expect(try DownloadContent.unwrap(forTicket, for: ticket, softwareID).matches(contentKey))
    #expect(try DownloadContent.unwrap(forCode, for: code, softwareID).matches(contentKey))
    let other = try #require(SoftwareID(octets: Sample.bytes(0x11, 16)))
    #expect(throws: CryptoError.self) { _ = try DownloadContent.unwrap(forTicket, for: ticket, other) }
    #expect(throws: CryptoError.self) { _ = try DownloadContent.unwrap(forCode, for: ticket, softwareID) }
  }

  @Test func ticketsAreReadStrictly() throws {
    let ticket = try #require(DownloadTicket(octets: Sample.bytes(0, 32)))
    #expect(DownloadTicket(text: ticket.text) == ticket)
    for text in ["", "00", ticket.text + "0", String(ticket.text.dropLast()) + "G", String(ticket.text.dropLast())] {
      #expect(DownloadTicket(text: text) == nil, "\(text.count) digits")
    }
    #expect(DownloadTicket(octets: Sample.bytes(0, 31)) == nil)
    #expect("\(ticket)" == "DownloadTicket(redacted)")
    #expect(Mirror(reflecting: ticket).children.isEmpty)
  }
}
