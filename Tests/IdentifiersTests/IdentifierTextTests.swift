import Identifiers
import Testing

@Suite struct IdentifierTextTests {
  @Test func textsComeBack() throws {
    let software = try #require(SoftwareID(octets: [UInt8](0..<16)))
    #expect(software.description == "S-000102030405060708090A0B0C0D0E0F")
    #expect(SoftwareID(software.description) == software)
    #expect(SoftwareID(software.description.lowercased()) == software)

    let serial = try #require(CardSerial(octets: [0x57, 0x41, 0x52, 0, 0, 0, 0, 1]))
    #expect(serial.description == "5741520000000001")
    #expect(CardSerial(serial.description) == serial)
  }

  @Test(arguments: [1, 2, 16, 63, 64]) func mediumIDsOfEveryLengthComeBack(length: Int) throws {
    let medium = try #require(MediumID(octets: [UInt8](repeating: 0xC5, count: length)))
    #expect(medium.description == "M-" + String(repeating: "C5", count: length))
    #expect(MediumID(medium.description) == medium)
  }

  @Test func otherLengthsAreNoIdentifiers() {
    for length in 0...70 {
      let octets = [UInt8](repeating: 1, count: length)
      #expect((SoftwareID(octets: octets) != nil) == (length == 16))
      #expect((MediumID(octets: octets) != nil) == (1...64).contains(length))
      #expect((CardSerial(octets: octets) != nil) == (length == 8))
    }
  }

  @Test(arguments: [
    "", "S-", "S-00", "000102030405060708090A0B0C0D0E0F", "M-000102030405060708090A0B0C0D0E0F",
    "S-000102030405060708090A0B0C0D0E0", "S-000102030405060708090A0B0C0D0E0F00", "S-000102030405060708090A0B0C0D0E0G",
    "S-00 0102030405060708090A0B0C0D0E0", "S-00010203040506070809:A0B0C0D0E0F", "S_000102030405060708090A0B0C0D0E0F",
    "S-\u{301}0102030405060708090A0B0C0D0E0F", " S-000102030405060708090A0B0C0D0E0F", "Ｓ-0102030405060708090A0B0C0D0E",
  ]) func malformedSoftwareIDs(text: String) {
    #expect(SoftwareID(text) == nil)
  }

  @Test(arguments: [
    "", "M", "M-", "M-0", "M-000", "M-0G", "S-00", "00", "M-00 11", "M-00:11", "M- 00", "M-00 ", "M-\u{301}00",
    "M-" + String(repeating: "00", count: 65),
  ]) func malformedMediumIDs(text: String) {
    #expect(MediumID(text) == nil)
  }

  @Test(arguments: [
    "", "574152000000000", "57415200000000010", "574152000000000G", "5741 52000000000", "57:41:52:00:00:0",
    "５７４１52000000000",
  ]) func malformedSerials(text: String) {
    #expect(CardSerial(text) == nil)
  }
}
