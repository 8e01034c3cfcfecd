import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// What the holder may do, and what a reset takes away.
extension Conformance {
  private static func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8)) }

  static let holder: [Check] = [
    Check(name: "a wrong PIN costs a try, the right one gives them back") { bench in
      let card = try bench.card()
      try bench.demandRefusal(.retriesLeft(2)) { try card.verify(pin: secret("0000")) }
      try bench.demand(try card.pinTriesLeft(), is: 2, "tries left")
      try card.verify(pin: secret(bench.known.pin))
      try bench.demand(try card.status().pinTries, is: 3, "tries left")
    },
    Check(name: "a blocked PIN is unblocked by the PUK alone") { bench in
      let card = try bench.card()
      for word: StatusWord in [.retriesLeft(2), .retriesLeft(1), .authenticationMethodBlocked] {
        try bench.demandRefusal(word) { try card.verify(pin: secret("0000")) }
      }
      try bench.demandRefusal(.authenticationMethodBlocked) { try card.verify(pin: secret(bench.known.pin)) }
      try bench.demandRefusal(.retriesLeft(9)) { try card.unblock(puk: secret("00000000"), newPIN: secret("9999")) }
      try card.unblock(puk: secret(bench.known.puk), newPIN: secret(bench.known.pin))
      try card.verify(pin: secret(bench.known.pin))
    },
    Check(name: "the PIN is changed with the old one alone") { bench in
      let card = try bench.card()
      try bench.demandRefusal(.retriesLeft(2)) { try card.change(.pin, from: secret("0000"), to: secret("2468")) }
      try card.change(.pin, from: secret(bench.known.pin), to: secret("2468"))
      try bench.connection.reset()
      let again = try bench.card()
      try bench.demandRefusal(.retriesLeft(2)) { try again.verify(pin: secret(bench.known.pin)) }
      try again.change(.pin, from: secret("2468"), to: secret(bench.known.pin))
    },
    Check(name: "a reset takes away what the PIN opened") { bench in
      let card = try bench.holdersCard()
      _ = try card.handOver(index: 0)
      try bench.connection.reset()
      let again = try bench.card()
      try bench.demandRefusal(.securityStatusNotSatisfied) { _ = try again.handOver(index: 0) }
      try bench.demandRefusal(.securityStatusNotSatisfied) {
        _ = try again.sign(digest: [UInt8](repeating: 1, count: 32))
      }
      _ = try bench.send(.select(file: KnownCard.fileID))
      try bench.demand(try bench.status(.readBinary(offset: 0, count: 16)), is: .securityStatusNotSatisfied)
    },
    Check(name: "a code is handed over to the holder, again and again the same") { bench in
      let card = try bench.holdersCard()
      for _ in 1...2 {
        for (index, code) in bench.known.codes.enumerated() {
          let handed = try card.handOver(index: UInt16(index))
          try bench.demand(handed.code.withBytes { $0.octets } == code, "another code")
          try bench.demand(handed.softwareID, is: bench.known.softwareIDs[index])
        }
      }
      let states = try card.codes().prefix(bench.known.codes.count).map(\.state)
      try bench.demand(states.allSatisfy { $0 == .handedOver }, "states are \(states)")
      try bench.demandRefusal(.referencedDataNotFound) { _ = try card.handOver(index: 60_000) }
    },
    Check(name: "the carried file is read in parts, and never written again") { bench in
      let card = try bench.holdersCard()
      try bench.demand(try card.readFile(KnownCard.fileID), is: bench.known.fileContent)
      try bench.demand(try bench.status(.readBinary(offset: 5_000, count: 1)), is: .wrongOffset)
      let part = try bench.send(.readBinary(offset: 690, count: 10))
      try bench.demand(part, is: ResponseAPDU(data: Array(bench.known.fileContent[690...]), status: .ok))
      var session = try bench.known.administration(bench.connection)
      try session.data(.select(file: KnownCard.fileID), operation: "check")
      try bench.demandRefusal(.conditionsNotSatisfied) {
        try session.data(.updateBinary(offset: 0, data: [1]), operation: "check")
      }
    },
  ]

  static let keys: [Check] = [
    Check(name: "right and message keys wrap and unwrap, each its own") { bench in
      let card = try bench.holdersCard()
      let key = [UInt8](repeating: 0x5A, count: 32)
      for level in [CommandAPDU.KeyLevel.right, .message] {
        let wrapped = try card.wrap(Secret(copying: key), level: level, codeIndex: 1)
        try bench.demand(
          try card.unwrap(wrapped, level: level, codeIndex: 1).withBytes { $0.octets } == key, "another key")
        let other: CommandAPDU.KeyLevel = level == .right ? .message : .right
        try bench.demandRefusal(.securityStatusNotSatisfied) {
          _ = try card.unwrap(wrapped, level: other, codeIndex: 1)
        }
      }
    },
    Check(name: "a copy is certified, and its key released, if the licence is this card's") { bench in
      let card = try bench.card()
      let (certificate, wrapped, contentKey) = try license(for: bench, serial: try card.status().serial)
      try card.certify(certificate)
      try bench.demand(
        try card.releaseContentKey(certificate, wrappedContentKey: wrapped).withBytes { $0.octets } == contentKey,
        "another key")
      var forged = certificate
      forged.certificateCode[0] ^= 1
      try bench.demandRefusal(.securityStatusNotSatisfied) { try card.certify(forged) }
      var moved = certificate
      moved.wrappedCertificationKey[0] ^= 1
      try bench.demandRefusal(.securityStatusNotSatisfied) { try card.certify(moved) }
    },
  ]

  /// A licence such as a centre gives this card, made of the same parts: KEYc under KU, CS, and Kd under KEYc.
  private static func license(
    for bench: ConformanceBench, serial: CardSerial
  ) throws -> (certificate: WarifuCard.CopyCertificate, wrappedContentKey: [UInt8], contentKey: [UInt8]) {
    guard let softwareID = SoftwareID(octets: [UInt8](repeating: 0x11, count: 16)),
      let mediumID = MediumID(octets: [UInt8](repeating: 0x22, count: 16))
    else { throw Unmet("no identifiers", #line) }
    let terms: [UInt8] = [1, 0] + [UInt8](repeating: 0, count: 8)
    let certificationKey = [UInt8](repeating: 0x33, count: 32), contentKey = [UInt8](repeating: 0x44, count: 32)
    let userKey = try Derivation.kbkdf(
      Secret(copying: bench.known.individualKey), label: .copyLicenseUserKey, octets: 32
    ) { (context) throws(OctetError) in
      try context.appendField(.cardSerial, serial.octets.span.bytes)
    }
    let input = OctetBuffer(capacity: 256)
    try input.becomeCertificateInput(
      softwareID: softwareID.octets.span.bytes, mediumID: mediumID.octets.span.bytes, terms: terms.span.bytes)
    let octets = input.withBytes { $0.octets }
    let wrapping = try Derivation.kbkdf(Secret(copying: certificationKey), label: .content, octets: 32) {
      (context) throws(OctetError) in
      try context.appendField(.certificateInput, octets.span.bytes)
    }
    let certificate = WarifuCard.CopyCertificate(
      softwareID: softwareID, mediumID: mediumID, terms: terms,
      wrappedCertificationKey: try KeyWrap.wrap(Secret(copying: certificationKey), under: userKey),
      certificateCode: try CMAC.tag(Secret(copying: certificationKey), octets))
    return (certificate, try KeyWrap.wrap(Secret(copying: contentKey), under: wrapping), contentKey)
  }
}
