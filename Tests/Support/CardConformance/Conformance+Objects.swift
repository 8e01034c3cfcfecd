import CardDriver
import CardProtocol
import Cryptography
import ISO7816

/// What can be read by anybody.
extension Conformance {
  /// Objects that every card has, whatever became of it.
  private static let constant: Set<DataTag> = [
    .issuerIdentificationNumber, .cardImageNumber, .cardRecognitionData, .keyInformation, .productionLifeCycle,
    .applicationStatus, .issuerDomainID,
  ]
  /// Objects that the suite's issuing brings.
  private static let issued: Set<DataTag> = [.authenticationPublicKey, .signaturePublicKey, .chargeReceipt]

  /// Asks for every object there is.
  private static func read(_ present: Set<DataTag>, _ bench: ConformanceBench) throws {
    _ = try bench.card()
    for tag in DataTag.allCases {
      let answer = try bench.send(.getData(tag))
      try bench.demand(answer.status, is: present.contains(tag) ? .ok : .referencedDataNotFound, "\(tag)")
      try bench.demand(answer.data.isEmpty != present.contains(tag), "\(tag) has \(answer.data.count) octets")
    }
  }

  static let blankState: [Check] = [
    Check(name: "it is ready for its issuer") { bench in
      let status = try bench.card().status()
      try bench.demand(status.lifeCycle, is: .operatingReady)
      try bench.demand(status.codeCount, is: 0)
      try bench.demand(status.chargeCounter, is: 0)
    },
    Check(name: "it has what the factory gave, and nothing else") { bench in try read(constant, bench) },
    Check(name: "it serves no holder yet") { bench in
      _ = try bench.card()
      let commands: [CommandAPDU] = [
        .verify(.pin, value: KnownCard.padded("0000")), .handOverCode(index: 0), .internalAuthenticate(challenge: [1]),
      ]
      for command in commands {
        let status = try bench.status(command)
        try bench.demand(status.category == .checkingError, "\(status)")
      }
    },
  ]

  static let objects: [Check] = [
    Check(name: "it has what it was given, and nothing else") { bench in try read(constant.union(issued), bench) },
    Check(name: "its status is an issued card's") { bench in
      let status = try bench.card().status()
      try bench.demand(status.lifeCycle, is: .secured)
      try bench.demand(status.codeCount >= bench.known.codes.count, "it has \(status.codeCount) codes")
      try bench.demand(status.hasTestKeys, is: false)
    },
    Check(name: "its challenges are new and as long as asked for") { bench in
      let card = try bench.card()
      for count in [8, 16, 32] { try bench.demand(try card.challenge(octets: count).count, is: count) }
      try bench.demand(try card.challenge() != card.challenge(), "two challenges are the same")
    },
    Check(name: "its signatures are its own keys'") { bench in
      let card = try bench.holdersCard()
      let challenge = [UInt8](0..<32)
      let signature = try card.sign(digest: Digest.sha256(challenge))
      let key = try VerificationKey(
        octets:
          bench.connection.data(.getData(.signaturePublicKey), operation: "check"))
      try key.verify(challenge, signature)
      try bench.demand(try card.authenticate(challenge: challenge).count, is: 64)
    },
  ]
}
