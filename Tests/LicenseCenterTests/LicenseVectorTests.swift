import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

@Suite struct LicenseVectorTests {
  private static let frozenCode = "941E546649312D4B555C10C3EEA493E9"
  private static let frozenSigned =
    "575201010100080000000000000007020010C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF030004000000010400080123456789ABCDEF"
    + "050010101112131415161718191A1B1C1D1E1F06000C404142434445464748494A4B0700010008000A010000000000713FB30009"
    + "0010941E546649312D4B555C10C3EEA493E90A0028ADC4914A6F39B9D9F2F34EE3D83A8468170C97679D073628781BA822075C0B"
    + "FF9026E43833D813CD0B002819054898C22E60872AB2ACEEA2D19F15F3C74A45FB7FEC494463EA79ACCED129D764A4A3E2E773D3"
    + "0C0008000000006B49D200"

  private func make() throws -> CopyLicense {
    func bytes(_ first: UInt8, _ count: Int) -> [UInt8] { (0..<count).map { first &+ UInt8($0) } }
    let serial = try #require(CardSerial("0123456789ABCDEF"))
    let request = LicenseRequest(
      operationID: try #require(OperationID(octets: bytes(0, 16))), cardSerial: serial,
      softwareID: try #require(SoftwareID(octets: bytes(0x10, 16))),
      mediumID: try #require(MediumID(octets: bytes(0x40, 12))), terms: LicenseTerms(expiry: 1_900_000_000))
    let keys = try KeyStore.fixed([.issuerMaster: bytes(0x80, 32), .certificationRoot: bytes(0xA0, 32)])
    return try LicenseMaker.make(
      number: 7, request, .hostAsserted, centerID: try #require(CenterID(octets: bytes(0xC0, 16))),
      issuedAt: 1_800_000_000,
      individualKey: try CardKeys.individualKey(of: serial, version: 1, keys),
      contentKey: Secret(copying: bytes(0xE0, 32)), keys: keys)
  }

  /// Frozen: every licence on a disc depends on it.
  @Test func M9_certificateCodeIsFrozen() throws {
    let license = try make()
    #expect(Hex.encode(license.certificateCode) == LicenseVectorTests.frozenCode)
    #expect(Hex.encode(license.signedOctets) == LicenseVectorTests.frozenSigned)
  }

  @Test func M9_pythonComputesTheSameCode() throws {
    let inputs = [
      "issuerMaster": Hex.encode(0x80..<0xA0), "certificationRoot": Hex.encode(0xA0..<0xC0),
      "contentKey": Hex.encode([UInt8](0xE0...0xFF)), "center": Hex.encode(0xC0..<0xD0), "number": "0000000000000007",
      "rootVersion": "00000001", "serial": "0123456789ABCDEF", "software": Hex.encode(0x10..<0x20),
      "medium": Hex.encode(0x40..<0x4C), "terms": "010000000000713FB300", "issued": "000000006B49D200",
    ]
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Reference/copy_license.py")
    let answer = try runPython(script, input: try JSONEncoder().encode(inputs.mapValues { $0 }))
    let computed = try JSONDecoder().decode([String: String].self, from: answer)
    let license = try make()
    #expect(computed["certificateCode"] == Hex.encode(license.certificateCode))
    #expect(computed["signed"] == Hex.encode(license.signedOctets))
  }
}

/// Runs a script of the tests with the machine's Python.
func runPython(_ script: URL, input: Data) throws -> Data {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["python3", script.path]
  let (standardInput, standardOutput) = (Pipe(), Pipe())
  process.standardInput = standardInput
  process.standardOutput = standardOutput
  try process.run()
  try standardInput.fileHandleForWriting.write(contentsOf: input)
  try standardInput.fileHandleForWriting.close()
  let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "python3 needs the package cryptography")
  return output
}

extension KeyStore {
  /// A store of these keys alone, each of version 1.
  static func fixed(_ keys: [KeyPurpose: [UInt8]]) throws -> KeyStore {
    var octets = Array("WKS1".utf8) + [0, UInt8(keys.count)]
    for (purpose, key) in keys { octets += [purpose.rawValue, 0, 0, 0, 0, 1, 0, UInt8(key.count)] + key }
    return try KeyStore.parse(octets.span.bytes)
  }
}
