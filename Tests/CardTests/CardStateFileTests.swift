import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import Foundation
import Identifiers
import Octets
import Testing
import card_rig

/// The file behind an emulated card: what comes back, what is refused, and what it never shows.
@Suite struct CardStateFileTests {
  /// An issued card's file, made once.
  private static let image = Result {
    try withTemporaryFolder { folder in
      try Specimen.make(at: folder + "/card", profile: Specimen.smallest)
      return try content(of: folder + "/card")
    }
  }

  private func withImage<R>(_ body: (String, [UInt8]) throws -> R) throws -> R {
    let image = try CardStateFileTests.image.get()
    return try withTemporaryFolder { folder in
      try write(image, to: folder + "/card")
      return try body(folder + "/card", image)
    }
  }

  @Test func everythingComesBack() throws {
    try withImage { path, _ in
      do {
        let card = try WarifuCard(try CardConnection(try Specimen.open(path)))
        try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
        _ = try card.handOver(index: 1)
      }
      let card = try WarifuCard(try CardConnection(try Specimen.open(path)))
      let status = try card.status()
      #expect(status.lifeCycle == .secured && status.chargeCounter == 1 && status.codeCount == 2)
      #expect(try card.codes().map(\.state) == [.charged, .handedOver])
      try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
      #expect(try card.readFile(Specimen.fileID) == Specimen.fileContent)
    }
  }

  /// A rehearsal of a card is that card, and its file stays as a power cut left it.
  @Test func rehearsalLeavesTheFileAlone() throws {
    try withImage { path, image in
      var unfinished = 0
      for cut in 0..<12 {
        try write(image, to: path)
        do {
          let card = try Specimen.open(path)
          card.plan(StorageFaults(cutAfter: cut, tornOctets: 1 + cut % 15))
          let card2 = try? WarifuCard(try CardConnection(card))
          try? card2?.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
          _ = try? card2?.handOver(index: 1)
        }
        let before = try content(of: path)
        #expect(chmod(path, 0o400) == 0)
        do {
          let key = Secret(copying: Specimen.stateKey)
          let copy = try EmulatedCard(rehearsing: path, key: key, random: SystemRandom())
          // Readers do not keep each other out.
          _ = try EmulatedCard(rehearsing: path, key: key, random: SystemRandom())
          let card = try WarifuCard(try CardConnection(copy))
          try card.verify(pin: Secret(copying: Array(Specimen.pin.utf8)))
          #expect(try card.status().chargeCounter == 1)
        }
        #expect(try content(of: path) == before, "cut after \(cut)")
        #expect(chmod(path, 0o600) == 0)
        _ = try Specimen.open(path)
        unfinished += try content(of: path) == before ? 0 : 1
      }
      #expect(unfinished > 0, "a mount has something to finish")
    }
  }

  // MARK: What is refused

  /// A refusal is one sentence that names the file, and leaves it as it was.
  private func expectRefusal(
    _ code: CardStateError.Code, of path: String, key: [UInt8] = Specimen.stateKey, _ comment: Comment? = nil
  ) throws {
    let before = try? content(of: path)
    let error = #expect(throws: CardStateError.self, comment) {
      _ = try EmulatedCard(path: path, key: Secret(copying: key), random: SystemRandom())
    }
    #expect(error?.code == code, comment)
    let sentence = try #require(error).description
    #expect(sentence.contains(path) && sentence.hasSuffix(".") && !sentence.contains("\n"), comment)
    #expect((try? content(of: path)) == before, comment)
  }

  @Test func wrongKey() throws {
    try withImage { path, _ in
      try expectRefusal(.notAuthentic, of: path, key: [UInt8](repeating: 0x5B, count: 32))
      try expectRefusal(.notAuthentic, of: path, key: [])
    }
  }

  @Test func wrongSize() throws {
    try withImage { path, image in
      for count in [4_096, 4_097, 8_192, image.count - 4_096, image.count - 1] {
        try write(Array(image[..<count]), to: path)
        try expectRefusal(.wrongSize, of: path, "\(count) octets")
      }
      for more in [1, 4_096, 1 << 20] {
        try write(image + [UInt8](repeating: 0, count: more), to: path)
        try expectRefusal(.wrongSize, of: path, "\(more) octets more")
      }
    }
  }

  @Test func notACard() throws {
    try withImage { path, image in
      let random = SeededRandom(seed: Soak.seed("random card files"))
      var files: [[UInt8]] = [[], [0], Array("WARIFUCD".utf8), Array(image[..<4_095]), Array(image[4_096...])]
      for count in [100, 4_096, 65_536] { files.append(random.octets(count)) }
      for file in files {
        try write(file, to: path)
        try expectRefusal(.notACard, of: path, "\(file.count) octets")
      }
      var later = image
      later[9] = 2
      try write(later, to: path)
      try expectRefusal(.notACard, of: path, "another version")
    }
  }

  /// Any bit of the header's first 72 octets decides.
  @Test func alteredHeader() throws {
    try withImage { path, image in
      for bit in stride(from: 0, to: 72 * 8, by: Soak.count(7, full: 1)) {
        var altered = image
        altered[bit / 8] ^= 1 << UInt8(bit % 8)
        try write(altered, to: path)
        #expect(throws: CardStateError.self, "bit \(bit)") { _ = try Specimen.open(path) }
        #expect(try content(of: path) == altered, "bit \(bit)")
      }
    }
  }

  /// What was written to the flash by anybody else is damage, whatever it is; nothing traps.
  @Test func alteredFlash() throws {
    try withImage { path, image in
      let random = SeededRandom(seed: Soak.seed("altered flash"))
      try write(Array(image[..<4_096]) + random.octets(image.count - 4_096), to: path)
      try expectRefusal(.damaged, of: path)
      for _ in 0..<Soak.count(60, full: 2_000) {
        let place = random.octets(4).reduce(0) { $0 << 8 | Int($1) } % (image.count - 4_096 - 16)
        var altered = image
        altered.replaceSubrange((4_096 + place)..<(4_096 + place + 16), with: random.octets(16))
        try write(altered, to: path)
        do {
          let card = try WarifuCard(try CardConnection(try Specimen.open(path)))
          _ = try card.status()
          _ = try card.codes()
        } catch let error as CardStateError {
          #expect(error.code == .damaged)
          #expect(try content(of: path) == altered)
        } catch is CardError {}
      }
    }
  }

  @Test func noFile() throws {
    try withTemporaryFolder { folder in
      try expectRefusal(.unreadable, of: folder + "/none")
      try expectRefusal(.unreadable, of: folder)
      try expectRefusal(.notACard, of: "/dev/null")
    }
  }

  @Test func oneProcessAtATime() throws {
    try withImage { path, image in
      let held = try Specimen.open(path)
      try expectRefusal(.busy, of: path)
      let other = try run(try rigPath(), ["charge", path, "2", "1"])
      #expect(other.status == 1 && other.output.isEmpty)
      #expect(try content(of: path) == image)
      withExtendedLifetime(held) {}
    }
    try withImage { path, _ in _ = try Specimen.open(path) }
  }

  // MARK: Making

  @Test func makingRefusesToOverwrite() throws {
    try withImage { path, image in
      let error = #expect(throws: CardStateError.self) { try Specimen.make(at: path) }
      #expect(error?.code == .exists)
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(try content(of: path) == image && names == ["card"])
    }
    try withTemporaryFolder { folder in
      let error = #expect(throws: CardStateError.self) { try Specimen.make(at: folder + "/none/card") }
      #expect(error?.code == .storage)
    }
  }

  @Test func fileIsItsOwnersAlone() throws {
    try withTemporaryFolder { folder in
      try Specimen.make(at: folder + "/card", profile: Specimen.smallest)
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/card")
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["card"])
    }
  }

  /// Killed at any call, making leaves no card or a whole one: never half of it under its name.
  @Test func makingIsWholeOrNotAtAll() throws {
    try withTemporaryFolder { folder in
      let traced = ["pwrite64", "fdatasync", "renameat2", "fsync"]
      let calls = try systemCalls(traced, of: ["fixture", folder + "/whole"], log: folder + "/trace")
      let renamed = try #require(calls.firstIndex { $0.name == "renameat2" })
      #expect(calls[renamed - 1].name == "fdatasync" && calls[renamed + 1].name == "fsync")
      for moment in [0, 1, renamed / 2, renamed - 2, renamed - 1, renamed, renamed + 1] {
        let path = folder + "/card-\(moment)"
        let ending = try runKilled(at: calls[moment], ["fixture", path])
        #expect(ending.wasKilled)
        let isThere = FileManager.default.fileExists(atPath: path)
        #expect(isThere == (moment > renamed), "killed at \(calls[moment])")
        guard isThere else { continue }
        #expect(try WarifuCard(try CardConnection(try Specimen.open(path))).status().lifeCycle == .operatingReady)
      }
    }
  }

  // MARK: Secrecy

  @Test func nothingSecretLiesInTheClear() throws {
    try withImage { path, image in
      var secrets: [[UInt8]] = [
        Specimen.individualKey, Specimen.generationKey, Specimen.stateKey, Array(Specimen.pin.utf8) + [0xFF, 0xFF],
        Array(Specimen.puk.utf8), Specimen.fileContent, Array("tool".utf8),
      ]
      for record in try Specimen.batch(1, count: 2).records { secrets += [record.code, record.softwareID.octets] }
      let serial = try WarifuCard(try CardConnection(try Specimen.open(path))).status().serial
      secrets.append(serial.octets)
      for secret in secrets {
        #expect(Data(image).range(of: Data(secret)) == nil)
        // Nor a part of it.
        if secret.count >= 16 { #expect(Data(image).range(of: Data(secret[4..<12])) == nil) }
      }
    }
  }

  /// The same card made under the same key twice shares nothing but the header's plain words.
  @Test func twoFilesHaveNothingInCommon() throws {
    try withTemporaryFolder { folder in
      var images: [[UInt8]] = []
      for seed: UInt64 in [1, 2] {
        try Specimen.make(at: folder + "/\(seed)", profile: Specimen.smallest, seed: seed)
        images.append(try content(of: folder + "/\(seed)"))
      }
      let same = stride(from: 4_096, to: images[0].count, by: 16).filter {
        images[0][$0..<($0 + 16)] == images[1][$0..<($0 + 16)]
      }
      #expect(same.isEmpty)
    }
  }
}
