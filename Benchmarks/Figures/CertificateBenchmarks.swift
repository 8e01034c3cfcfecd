import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// Checking a certificate code CS (M7), against the one CMAC call in it. KEYc is another for every licence, so both set
/// the key each time.
enum CertificateBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "certificate code: host") { plan in
      let sample = try Sample()
      let bare = try BareCMAC(key: sample.keyOctets)
      return [
        try Comparison(plan: plan).figure("verify CS on the host : one CMAC") { count in
          try timing(count) { try CMAC.verify(sample.key, sample.input, tag: sample.code) }
        } reference: { count in
          sample.bare(bare, count)
        }
      ]
    },
    Benchmark(name: "certificate code: card") { plan in
      let sample = try Sample()
      let bare = try BareCMAC(key: sample.keyOctets)
      let card = try FirmwareCard.issued()
      let command = try sample.certifyCopy(on: card).encoded()
      let firmware = card.firmware
      let ours: Subject = { count in timing(count) { firmware.process(command.span.bytes) } }
      let figures = [
        try Comparison(plan: plan).figure("CERTIFY COPY in the card : one CMAC", ours: ours) { count in
          sample.bare(bare, count)
        },
        try Comparison(plan: plan).figure("CERTIFY COPY : unwrap KEYc, one CMAC", ours: ours) { count in
          try sample.bareWithUnwrapping(bare, count, under: try card.key(.copyLicenseUserKey))
        },
      ]
      guard firmware.response.withBytes({ $0.octets }) == [0x90, 0x00] else {
        throw MeasurementError("the card did not certify the copy")
      }
      return figures
    },
  ]

  /// One licence's certificate code.
  private final class Sample {
    let keyOctets = (0..<32).map { UInt8($0) }
    let key: Secret
    let input: [UInt8]
    let code: [UInt8]

    private let softwareID = [UInt8](repeating: 0xA1, count: SoftwareID.octetCount)
    private let mediumID = [UInt8](repeating: 0xB2, count: 16)
    private let terms: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    init() throws {
      key = Secret(copying: keyOctets)
      let (software, medium, terms) = (softwareID, mediumID, terms)
      let buffer = OctetBuffer(capacity: 256)
      try buffer.becomeCertificateInput(
        softwareID: software.span.bytes, mediumID: medium.span.bytes, terms: terms.span.bytes)
      input = buffer.withBytes { $0.octets }
      code = try CMAC.tag(key, input)
    }

    func certifyCopy(on card: FirmwareCard) throws -> CommandAPDU {
      guard let software = SoftwareID(octets: softwareID), let medium = MediumID(octets: mediumID) else {
        throw MeasurementError("the ids are none")
      }
      return .certifyCopy(
        softwareID: software, mediumID: medium, terms: terms,
        wrappedCertificationKey: try KeyWrap.wrap(key, under: try card.key(.copyLicenseUserKey)),
        certificateCode: code)
    }

    /// What the card cannot do without: KEYc comes wrapped under KU.
    func bareWithUnwrapping(_ mac: BareCMAC, _ count: Int, under userKey: borrowing Secret) throws -> Duration {
      let cipher = try BareCipher("AES-256-WRAP", key: userKey.withBytes { $0.octets }, encrypting: false)
      var unwrapped = [UInt8](repeating: 0, count: 48)
      let wrapped = try KeyWrap.wrap(key, under: userKey)
      return wrapped.withUnsafeBytes { wrapped in
        unwrapped.withUnsafeMutableBytes { unwrapped in
          input.withUnsafeBytes { message in
            timing(count) {
              cipher.unwrap(wrapped, into: unwrapped)
              mac.setKey(keyOctets)
              mac.authenticateFirst(message)
            }
          }
        }
      }
    }

    func bare(_ mac: BareCMAC, _ count: Int) -> Duration {
      input.withUnsafeBytes { message in
        timing(count) {
          mac.setKey(keyOctets)
          mac.authenticateFirst(message)
        }
      }
    }
  }
}
