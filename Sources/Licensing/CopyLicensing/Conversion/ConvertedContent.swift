import Cryptography
import Identifiers
import Octets
import SecureChannel

/// How the content of a title is sealed on a target medium when it was copied by conversion (M14): as on its master
/// disc, but under Ku, and bound to the medium as well as to the title.
enum ConvertedContent {
  /// The associated data of the copy's stream: a label, the software id and the medium id, as typed fields.
  static func associatedData(_ softwareID: SoftwareID, on mediumID: MediumID) -> [UInt8] {
    Content.field(.label, Array("warifu converted title 1".utf8)) + Content.field(.softwareID, softwareID.octets)
      + Content.field(.mediumID, mediumID.octets)
  }

  /// The header of the copy's stream, made from Ku, the two ids and the header of the stream that is converted.
  ///
  /// A copy that was interrupted goes on from any segment, and a title is copied to the same medium as often as one
  /// likes, without a nonce ever serving two plaintexts: under one header, segment i is always what segment i of the
  /// master's stream with *that* header holds, because the press drew that header for one stream alone and Ka vouches
  /// for each of its segments. Another pressing has another header, which gives another stream key here. So nothing
  /// has to be remembered from one run to the next, and nothing that is remembered has to be trusted.
  static func header(
    mediumKey: borrowing Secret, masterHeader: [UInt8], softwareID: SoftwareID, mediumID: MediumID
  ) throws(CryptoError) -> [UInt8] {
    let context =
      Content.field(.label, Array("warifu converted title header 1".utf8))
      + Content.field(.softwareID, softwareID.octets) + Content.field(.mediumID, mediumID.octets)
    return try StreamingAEAD.header(derivedFrom: mediumKey, source: masterHeader, context: context)
  }
}
