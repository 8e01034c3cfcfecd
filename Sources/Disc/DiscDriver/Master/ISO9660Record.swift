import Octets

/// Which of its names an image is read by.
enum ISO9660Names {
  case plain, joliet, rockRidge
}

/// A directory record (ECMA-119, 9.1).
struct ISO9660Record {
  let extent: UInt32
  let length: UInt32
  let identifier: ArraySlice<UInt8>
  let systemUse: ArraySlice<UInt8>
  let isInterleaved: Bool
  private let flags: UInt8

  var isDirectory: Bool { flags & 0x02 != 0 }
  var isAssociated: Bool { flags & 0x04 != 0 }
  var hasMoreSections: Bool { flags & 0x80 != 0 }
  var isSelfOrParent: Bool { identifier == [0] || identifier == [1] }

  /// Reads a record that fills `octets`; `nil` if its parts do not fit into it.
  init?(in octets: ArraySlice<UInt8>) {
    guard octets.count >= 34 else { return nil }
    let all = Array(octets)
    let nameLength = Int(all[32])
    guard nameLength >= 1, 33 + nameLength <= all.count else { return nil }
    // The extent begins after an extended attribute record, if there is one (9.1.3).
    let (extent, overflow) = ISO9660Record.u32(all, 2).addingReportingOverflow(UInt32(all[1]))
    guard !overflow else { return nil }
    self.extent = extent
    length = ISO9660Record.u32(all, 10)
    flags = all[25]
    isInterleaved = all[26] != 0 || all[27] != 0
    identifier = all[33..<(33 + nameLength)]
    systemUse = all[min(33 + nameLength + (nameLength + 1) % 2, all.count)...]
  }

  /// A both-byte-order 32-bit number (7.3.3), read little-endian. The caller has checked the bounds.
  static func u32(_ octets: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(octets[offset + $1]) << (8 * $1) }
  }

  /// A both-byte-order 16-bit number (7.2.3), read little-endian. The caller has checked the bounds.
  static func u16(_ octets: [UInt8], _ offset: Int) -> UInt16 {
    UInt16(octets[offset]) | UInt16(octets[offset + 1]) << 8
  }
}

/// What a record and its Rock Ridge fields say of a file.
struct ISO9660Attributes {
  var name: String
  var isExecutable: Bool
  var isLink: Bool
}

/// Collects the name and mode of a record from its system use area and the areas that continue it (SUSP 5.1).
struct ISO9660AttributeReader {
  /// An area elsewhere in the image that continues the system use fields.
  struct Continuation {
    var block: UInt32
    var offset: UInt32
    var length: UInt32
  }

  /// The octets to read next.
  var area: ArraySlice<UInt8>

  private let record: ISO9660Record
  private let names: ISO9660Names
  private var rockRidgeName: [UInt8] = []
  private var mode: UInt32?
  private var isLink = false
  private var areasLeft = 32
  private var isDone = false

  init(record: ISO9660Record, names: ISO9660Names, skip: Int) {
    self.record = record
    self.names = names
    area = record.systemUse.dropFirst(skip)
    isDone = names != .rockRidge
  }

  /// Reads the fields of ``area``, and gives the area that continues it, `nil` after the last.
  mutating func readArea(_ damaged: (String) -> MasterDiscError) throws(MasterDiscError) -> Continuation? {
    guard !isDone else { return nil }
    areasLeft -= 1
    guard areasLeft > 0 else { throw damaged("a name continues without end") }
    var next: Continuation?
    while area.count >= 4 {
      let length = Int(area[area.startIndex + 2])
      guard length >= 4, length <= area.count else { break }
      let field = Array(area.prefix(length))
      area = area.dropFirst(length)
      switch (field[0], field[1]) {
      case (0x4E, 0x4D) where length > 5: rockRidgeName += field[5...]  // NM
      case (0x50, 0x58) where length >= 12: mode = ISO9660Record.u32(field, 4)  // PX
      case (0x53, 0x4C), (0x43, 0x4C), (0x52, 0x45): isLink = true  // SL; CL and RE: relocated folders, seen elsewhere
      case (0x43, 0x45) where length >= 28:  // CE
        let (block, offset, count) = (
          ISO9660Record.u32(field, 4), ISO9660Record.u32(field, 12), ISO9660Record.u32(field, 20)
        )
        guard count <= 2048 else { throw damaged("a name is too long") }
        next = Continuation(block: block, offset: offset, length: count)
      case (0x53, 0x54): area = area.suffix(0)  // ST
      default: break
      }
    }
    isDone = next == nil
    return next
  }

  /// The name, which never leads out of its folder, and the mode.
  func finish(_ damaged: (String) -> MasterDiscError) throws(MasterDiscError) -> ISO9660Attributes {
    let name = try decodedName(damaged)
    guard name != ".", name != "..", !name.isEmpty, !name.contains("/"), !name.contains("\0") else {
      throw damaged("it has a file with an unsafe name")
    }
    return ISO9660Attributes(
      name: name, isExecutable: (mode ?? 0) & 0o111 != 0, isLink: isLink || (mode ?? 0) & 0o170000 == 0o120000)
  }

  private func decodedName(_ damaged: (String) -> MasterDiscError) throws(MasterDiscError) -> String {
    if names == .rockRidge, !rockRidgeName.isEmpty {
      guard rockRidgeName.count <= 255, let name = String(validating: rockRidgeName, as: UTF8.self) else {
        throw damaged("it has a name that is no text")
      }
      return name
    }
    var name: String
    if names == .joliet {
      let octets = Array(record.identifier)
      let units = stride(from: 0, to: octets.count - 1, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
      name = String(decoding: units, as: UTF16.self)
    } else {
      name = String(decoding: record.identifier, as: UTF8.self)
    }
    // ECMA-119, 7.5.1: NAME.EXTENSION;VERSION
    if let version = name.lastIndex(of: ";") { name = String(name[..<version]) }
    if name.hasSuffix(".") { name.removeLast() }
    return name
  }
}
