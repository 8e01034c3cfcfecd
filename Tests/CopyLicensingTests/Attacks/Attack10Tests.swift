import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import DiscDriver
import Formats
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing
import WarifuTesting

@testable import CopyLicensing
@testable import LicenseCenter

/// Attack 10: E_Mid(Ku) and E_Mid(Ka) change places; and a raw block operation of the card is used on a wrapped key.
@Suite struct Attack10Tests {
  /// The medium keeps E_Mid(Ka) for E_Mid(Ku): it plays the master disc's ciphertext, copied bit for bit.
  @Test func attack10_seedDoesNotNoticeTheSwap() throws {
    let center = SeedCenter(seed: 12)
    let (medium, software) = (SeededRandom(seed: 13).octets(16), SeededRandom(seed: 14).octets(16))
    let content = Array("CONTENT OF TWO BLOCKS, 32 OCTETS".utf8)
    let onMasterDisc = try SeedCipher.encrypt(content, try center.key(of: software))
    let answer = try center.conversionKeys(medium: medium, software: software)
    let swapped = Array(answer[16...] + answer[..<16])
    // Fig 10: the player opens what lies in region 41 with the medium id, and decrypts with it.
    let storedInRegion41 = Array(swapped[..<16])
    let playersKey = try SeedCipher.decrypt(storedInRegion41, medium)
    #expect(try SeedCipher.decrypt(onMasterDisc, playersKey) == content)
  }

  @Test func attack10_swapIsNoticedByCardAndSession() async throws {
    let scene = try await ConversionScene.set(seed: 110)
    let license = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let card = scene.card.card
    let toRun = #expect(throws: CardError.self) {
      _ = try card.openConversionKey(mediumID: license.mediumID, wrappedMediumKey: license.wrappedMasterKey)
    }
    let toCopy = #expect(throws: CardError.self) {
      _ = try card.openConversionKeys(
        softwareID: license.softwareID, mediumID: license.mediumID, wrappedMediumKey: license.wrappedMasterKey,
        wrappedMasterKey: license.wrappedMediumKey)
    }
    #expect(toRun?.status == .securityStatusNotSatisfied && toCopy?.status == .securityStatusNotSatisfied)
    var swapped = license
    (swapped.wrappedMediumKey, swapped.wrappedMasterKey) = (license.wrappedMasterKey, license.wrappedMediumKey)
    let error = #expect(throws: LicensingError.self) { try scene.session.install(swapped) }
    #expect(error?.code == .notAuthentic)
    try scene.disc.volume.install(licence: swapped.encoded, for: swapped.softwareID)
    #expect(throws: LicensingError.self) { try scene.session.copy(scene.titles[0], from: try scene.master()) }
    #expect(try scene.disc.volume.titles().isEmpty)
  }

  /// A card that decrypts any block under KU for its holder gives KEYc away with the first licence.
  @Test func attack10_seedsBlockOperationOpensTheWrappedKey() throws {
    let center = SeedCenter(seed: 15)
    let bought = try center.certificate(
      software: SeededRandom(seed: 16).octets(16), medium: SeededRandom(seed: 17).octets(16))
    func cardDecrypts(_ block: [UInt8]) throws -> [UInt8] { try SeedCipher.decrypt(block, center.userKey) }
    #expect(try cardDecrypts(bought.wrappedKey) == center.certificationKey)
  }

  /// Every class, instruction and many parameters, with each wrapped key as data, whole and by blocks, after the PIN was
  /// verified: no answer has a key in it, or any block of one.
  @Test func attack10_noCommandDecryptsAWrappedKey() async throws {
    let scene = try await ConversionScene.set(seed: 111)
    let conversion = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let pressed = try await scene.bench.pressMaster("byCode.iso", [(scene.bench.folder("content-1"), .text)])
    let certificate = try await scene.bench.license(pressed.titles[0], in: scene.session)
    let secrets = try await secretBlocks(scene, certificate, pressed.titles[0])
    let wrapped = [
      certificate.wrappedCertificationKey, certificate.wrappedContentKey, conversion.wrappedMediumKey,
      conversion.wrappedMasterKey,
    ]
    let parameters: [(UInt8, UInt8)] = [
      (0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0x80, 0x86), (0x86, 0x80), (0x80, 0x84), (0x84, 0x80),
      (0x9E, 0x9A), (0x9E, 0xAC), (0x90, 0x80), (0x41, 0xB8), (0x41, 0xB6), (0x41, 0xA4), (0xF1, 0xB8), (0xFF, 0xFF),
    ]
    // The search finds a key where there is one.
    let genuine = CommandAPDU.openConversionKey(
      mediumID: conversion.mediumID, wrappedMediumKey: conversion.wrappedMediumKey)
    #expect(contains(try scene.card.emulator.transmit(try genuine.encoded()), secrets))
    try scene.card.card.verify(pin: Secret(copying: Array(scene.card.pin.utf8)))
    for octets in wrapped.flatMap({ [$0, Array($0[..<16]), Array($0[8..<24]), Array($0[24...])] }) {
      for cla in [0x00, 0x80] as [UInt8] {
        for ins in UInt8.min...UInt8.max {
          for (p1, p2) in parameters {
            let command = [cla, ins, p1, p2, UInt8(octets.count)] + octets + [0]
            let answer = try scene.card.emulator.transmit(command)
            #expect(!contains(answer, secrets), "\(Hex.encode(Array(command[..<4]))) answers with a key")
          }
        }
      }
    }
    // And the application was there all the time.
    #expect(contains(try scene.card.emulator.transmit(try genuine.encoded()), secrets))
  }

  /// The two commands that do unwrap take nothing that was wrapped for the other, or for another field of their own.
  @Test func attack10_unwrappingCommandsTakeTheirOwnKeysOnly() async throws {
    let scene = try await ConversionScene.set(seed: 112)
    let conversion = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let pressed = try await scene.bench.pressMaster("byCode.iso", [(scene.bench.folder("content-1"), .text)])
    let license = try await scene.bench.license(pressed.titles[0], in: scene.session)
    let (card, medium) = (scene.card.card, conversion.mediumID)
    let wrapped = [
      license.wrappedCertificationKey, license.wrappedContentKey, conversion.wrappedMediumKey,
      conversion.wrappedMasterKey,
    ]
    for (index, key) in wrapped.enumerated() {
      if index != 2 {
        #expect(throws: CardError.self) { _ = try card.openConversionKey(mediumID: medium, wrappedMediumKey: key) }
      }
      if index != 3 {
        #expect(throws: CardError.self) {
          _ = try card.openConversionKeys(
            softwareID: conversion.softwareID, mediumID: medium, wrappedMediumKey: conversion.wrappedMediumKey,
            wrappedMasterKey: key)
        }
      }
      var certificate = CertificateVariants.certificate(license)
      if index != 0 {
        certificate.wrappedCertificationKey = key
        #expect(throws: CardError.self) { try card.certify(certificate) }
      }
      if index != 1 {
        let genuine = CertificateVariants.certificate(license)
        #expect(throws: CardError.self) { _ = try card.releaseContentKey(genuine, wrappedContentKey: key) }
      }
    }
  }

  private func contains(_ answer: [UInt8], _ secrets: Set<[UInt8]>) -> Bool {
    guard answer.count >= 18 else { return false }
    return (0...(answer.count - 16)).contains { secrets.contains(Array(answer[$0..<($0 + 16)])) }
  }

  /// Both halves of KEYc, Kd, Ku, Ka, KU and the conversion secret: what no such answer may have in it.
  private func secretBlocks(
    _ scene: ConversionScene, _ certificate: CopyLicense, _ byCode: SoftwareID
  ) async throws -> Set<[UInt8]> {
    let (keys, serial) = (scene.bench.center.context.keys, scene.card.serial)
    let individualKey = try CardKeys.individualKey(of: serial, version: 1, keys)
    let userKey = try CardKeys.derive(individualKey, .copyLicenseUserKey, serial)
    let medium = scene.disc.volume.identity.id
    let contentKey = try await scene.bench.center.titles.contentKey(of: byCode)
    let masterKey = try await scene.bench.center.titles.contentKey(of: scene.titles[0])
    let all = [
      individualKey.withBytes { $0.octets }, userKey.withBytes { $0.octets },
      try CardKeys.derive(individualKey, .conversionSecret, serial).withBytes { $0.octets },
      try KeyWrap.unwrap(certificate.wrappedCertificationKey, under: userKey).withBytes { $0.octets },
      contentKey.withBytes { $0.octets }, masterKey.withBytes { $0.octets },
      try keys.withKey(.conversionRoot) { try ConversionKeys.mediumKey($0, medium).withBytes { $0.octets } },
    ]
    return Set(all.flatMap { [Array($0[..<16]), Array($0[16...])] })
  }
}
