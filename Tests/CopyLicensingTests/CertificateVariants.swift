import CardDriver
import Formats
import Identifiers

/// A licence's certificate, and everything about it that could be forged, one thing at a time.
enum CertificateVariants {
  static func certificate(_ license: CopyLicense) -> WarifuCard.CopyCertificate {
    WarifuCard.CopyCertificate(
      softwareID: license.softwareID, mediumID: license.mediumID, terms: license.terms.encoded,
      wrappedCertificationKey: license.wrappedCertificationKey, certificateCode: license.certificateCode)
  }

  static func altered(_ license: CopyLicense) -> [(name: String, certificate: WarifuCard.CopyCertificate)] {
    var variants: [(String, WarifuCard.CopyCertificate)] = []
    func add(_ name: String, _ change: (inout WarifuCard.CopyCertificate) -> Void) {
      var variant = certificate(license)
      change(&variant)
      variants.append((name, variant))
    }
    for index in 0..<16 {
      add("software id, octet \(index)") { variant in
        var octets = variant.softwareID.octets
        octets[index] ^= 1
        variant.softwareID = SoftwareID(octets: octets) ?? variant.softwareID
      }
      add("certificate code, octet \(index)") { $0.certificateCode[index] ^= 0x80 }
    }
    for index in license.mediumID.octets.indices {
      add("medium id, octet \(index)") { variant in
        var octets = variant.mediumID.octets
        octets[index] ^= 1
        variant.mediumID = MediumID(octets: octets) ?? variant.mediumID
      }
    }
    add("medium id, one octet more") { variant in
      variant.mediumID = MediumID(octets: variant.mediumID.octets + [0]) ?? variant.mediumID
    }
    for index in 0..<40 { add("wrapped key, octet \(index)") { $0.wrappedCertificationKey[index] ^= 4 } }
    add("terms, flag") { $0.terms[1] ^= 1 }
    add("terms, expiry") { $0.terms[9] ^= 1 }
    return variants
  }
}
