import CardDriver
import Cryptography
import DiscDriver
import Formats
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Octets
import SecureChannel
import Testing
import WarifuTesting

@testable import CopyLicensing

/// Claims 5 to 7 of A2, the copying system with conversion keys. Claims 5 and 6 interchange the two reading means (Ku comes
/// from what the *contents* identifier reading means reads): Figs 7 to 9, and claim 7, say which is meant.
@Suite struct ConversionClaimTests {
  /// A2 cl. 5: the card opens Ku and Ka, the file EKa(Data) is opened under Ka, and EKu(Data) is what lies on the target.
  @Test func M16_A2claim5_theCopyIsTheFileUnderTheOtherKey() async throws {
    let scene = try await ConversionScene.set()
    let title = scene.titles[0]
    let license = try await scene.copied()
    let installed = try #require(scene.disc.volume.licence(for: title)).octets
    #expect(Data(installed).range(of: Data(license.wrappedMediumKey)) != nil)
    let keys = try Self.keys(of: license, scene.card)
    let master = (octets: try scene.sealed(), context: Content.associatedData(title))
    let copy = (
      octets: try ConversionScene.software(title, on: scene.disc.volume),
      context: ConvertedContent.associatedData(title, on: scene.disc.volume.identity.id)
    )
    for (text, isTheirs) in [
      (Self.open(master.octets, keys.masterKey, master.context), true),
      (Self.open(copy.octets, keys.mediumKey, copy.context), true),
      (Self.open(master.octets, keys.mediumKey, master.context), false),
      (Self.open(copy.octets, keys.masterKey, copy.context), false),
    ] {
      let isData = text.map { !$0.isEmpty && ConversionScene.contents[0].starts(with: $0) } ?? false
      #expect(isData == isTheirs)
    }
  }

  /// A2 cl. 6: Ku is of Mid alone, Ka of DID alone, both of KM; and both are wrapped by Mid.
  @Test func M16_A2claim6_eachKeyIsOfItsIdentifierAndTheMasterKey() async throws {
    let scene = try await ConversionScene.set()
    let license = try await scene.bench.conversionLicense(scene.titles[0], in: scene.session)
    let otherTitle = try await scene.bench.conversionLicense(scene.titles[1], in: scene.session)
    let disc = try scene.bench.makeDisc("other.mo")
    let otherDisc = try await scene.bench.conversionLicense(
      scene.titles[0], in: try scene.bench.session(scene.card, disc))
    let keys = try [license, otherTitle, otherDisc].map { license in
      let keys = try Self.keys(of: license, scene.card)
      return (ku: keys.mediumKey.withBytes { $0.octets }, ka: keys.masterKey.withBytes { $0.octets })
    }
    #expect(keys[0].ku == keys[1].ku && keys[0].ka != keys[1].ka)
    #expect(keys[0].ku != keys[2].ku && keys[0].ka == keys[2].ka)
    // Another centre has another KM.
    let elsewhere = try await ConversionScene.set(seed: 12)
    let foreign = try await elsewhere.bench.conversionLicense(elsewhere.titles[0], in: elsewhere.session)
    let others = try Self.keys(of: foreign, elsewhere.card)
    #expect(others.mediumKey.withBytes { $0.octets } != keys[0].ku)
    // By another medium's identifier neither opens.
    var moved = otherDisc
    moved.mediumID = license.mediumID
    let error = #expect(throws: CardError.self) { _ = try Self.keys(of: moved, scene.card) }
    #expect(error?.status == .securityStatusNotSatisfied)
  }

  /// A2 cl. 7: a file under Ka; request, keys, E_Mid(Ku) into the target, both opened, the file converted: in this order.
  @Test func M16_A2claim7_theWholeWayInItsOrder() async throws {
    let scene = try await ConversionScene.set()
    let title = scene.titles[0]
    let operation = try #require(OperationID(octets: scene.bench.random.octets(16)))
    let request = try scene.session.request(for: title, operationID: operation)
    #expect(request.mediumID == scene.disc.volume.identity.id && request.softwareID == title)
    let license = try await scene.bench.center.conversionLicenses.license(request)
    // The file is encrypted with the very Ka that the card opens.
    let masterKey = try await scene.bench.center.titles.contentKey(of: title)
    let opened = try Self.keys(of: license, scene.card).masterKey.withBytes { $0.octets }
    #expect(opened == masterKey.withBytes { $0.octets })
    // Nothing is copied before E_Mid(Ku) is on the target medium, and nothing is shown before the copy is.
    let early = #expect(throws: LicensingError.self) { try scene.session.copy(title, from: try scene.master()) }
    #expect(early?.code == .notLicensed)
    try scene.session.install(license)
    #expect(throws: LicensingError.self) { _ = try scene.session.open(title) }
    try scene.session.copy(title, from: try scene.master())
    #expect(try scene.session.shows(ConversionScene.contents[0], as: title))
  }

  private static func keys(
    of license: ConversionLicense, _ card: Workbench.IssuedCard
  ) throws(CardError) -> WarifuCard.ConversionKeys {
    try card.card.openConversionKeys(
      softwareID: license.softwareID, mediumID: license.mediumID, wrappedMediumKey: license.wrappedMediumKey,
      wrappedMasterKey: license.wrappedMasterKey)
  }

  /// The first segment of a stream as it opens under a key; `nil` if it does not.
  private static func open(_ stream: [UInt8], _ key: borrowing Secret, _ context: [UInt8]) -> [UInt8]? {
    let header = Array(stream.prefix(StreamingAEAD.headerOctets))
    let segment = stream[header.count..<Content.parameters.segmentOctets]
    var text = [UInt8](repeating: 0, count: segment.count)
    do {
      var opener = try StreamOpener(
        key: key, associatedData: context, header: header, parameters: Content.parameters)
      let count = try segment.withUnsafeBytes { sealed in
        try text.withUnsafeMutableBytes { try opener.open(segment: 0, sealed, isLast: false, into: $0) }
      }
      return Array(text[..<count])
    } catch {
      return nil
    }
  }
}
