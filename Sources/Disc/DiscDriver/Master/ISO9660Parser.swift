import Octets

/// Reads the volume descriptors and directories of an ISO 9660 image (ECMA-119) into a list of files.
///
/// libarchive streams images and tells no offsets, so ranges of large files could not be read through it; it also keeps
/// every directory of an image in memory, however large. This parser gives the extents and has fixed limits.
/// Rock Ridge names (IEEE P1282) are preferred, then Joliet, then the plain ones.
struct ISO9660Parser {
  static let sectorSize: UInt64 = 2048
  /// Far above any master disc, low enough that a hostile image costs little.
  static let maximumEntries = 100_000
  static let maximumDirectoryLength: UInt64 = 32 << 20
  static let maximumDepth = 32

  private(set) var volumeName = ""
  private(set) var files: [MasterDisc.File] = []

  private let imageLength: UInt64
  private let operation: String
  private var names = ISO9660Names.plain
  private var suspSkip = 0
  private var visited: Set<UInt64> = []
  private var entryCount = 0
  private var directoryOctets: UInt64 = 0

  init(imageLength: UInt64, operation: String) {
    self.imageLength = imageLength
    self.operation = operation
  }

  /// Reads everything.
  mutating func parse(_ image: borrowing OpenFile) throws(MasterDiscError) {
    let volumes = try readDescriptors(image)
    var root = volumes.primary
    if let skip = try rockRidgeSkip(image, root: root) {
      names = .rockRidge
      suspSkip = skip
    } else if let joliet = volumes.joliet {
      names = .joliet
      root = joliet
    }
    var pending = [Directory(record: root, path: "", depth: 0)]
    while let directory = pending.popLast() {
      try walk(directory, image, &pending)
    }
    try checkNoFileIsAFolder()
  }

  func damaged(_ what: String) -> MasterDiscError {
    MasterDiscError(.damaged, "\(operation): \(what)", remedy: "get an undamaged copy of the image")
  }
}

// MARK: - Volume descriptors (ECMA-119, 8)

extension ISO9660Parser {
  private mutating func readDescriptors(
    _ image: borrowing OpenFile
  ) throws(MasterDiscError) -> (primary: ISO9660Record, joliet: ISO9660Record?) {
    var primary: ISO9660Record?
    var joliet: ISO9660Record?
    for sector in UInt64(16)..<80 {
      let descriptor = try read(image, at: sector * ISO9660Parser.sectorSize, count: Int(ISO9660Parser.sectorSize))
      guard descriptor.count == ISO9660Parser.sectorSize, Array(descriptor[1..<6]) == Array("CD001".utf8) else {
        guard primary == nil else { throw damaged("its descriptors have no end") }
        throw MasterDiscError(.notAMasterDisc, operation, remedy: "it is no ISO 9660 image; name a master disc")
      }
      if descriptor[0] == 255 { break }
      let isJoliet =
        descriptor[0] == 2
        && [[0x25, 0x2F, 0x40], [0x25, 0x2F, 0x43], [0x25, 0x2F, 0x45]].contains(descriptor[88..<91])
      guard descriptor[0] == 1 && primary == nil || isJoliet && joliet == nil else { continue }
      let root = try readRoot(descriptor)
      if isJoliet {
        joliet = root
      } else {
        primary = root
        volumeName = String(decoding: descriptor[40..<72], as: UTF8.self)
          .trimmingSuffix { $0 == " " || $0 == "\0" }
      }
    }
    guard let primary else {
      throw MasterDiscError(.notAMasterDisc, operation, remedy: "it has no primary volume; name a master disc")
    }
    return (primary, joliet)
  }

  private func readRoot(_ descriptor: [UInt8]) throws(MasterDiscError) -> ISO9660Record {
    guard ISO9660Record.u16(descriptor, 128) == 2048 else {
      throw MasterDiscError(.unsupported, operation, remedy: "its blocks are not 2048 octets; press it again")
    }
    let promised = UInt64(ISO9660Record.u32(descriptor, 80)) * ISO9660Parser.sectorSize
    guard promised <= imageLength else {
      throw MasterDiscError(
        .truncated, "\(operation): it has \(imageLength) of \(promised) octets", remedy: "copy the image again")
    }
    guard let root = ISO9660Record(in: descriptor[156..<190]), root.isDirectory else {
      throw damaged("it has no root folder")
    }
    return root
  }

  /// Octets to pass over in every system use area when the disc has Rock Ridge names (SUSP 5.3), else `nil`.
  private func rockRidgeSkip(_ image: borrowing OpenFile, root: ISO9660Record) throws(MasterDiscError) -> Int? {
    let sector = try read(image, at: UInt64(root.extent) * ISO9660Parser.sectorSize, count: 2048)
    guard let length = sector.first, length >= 34, Int(length) <= sector.count,
      let record = ISO9660Record(in: sector[0..<Int(length)]),
      record.systemUse.count >= 7, record.systemUse.starts(with: [0x53, 0x50, 7, 1, 0xBE, 0xEF])
    else { return nil }
    return Int(record.systemUse[record.systemUse.startIndex + 6])
  }
}

// MARK: - Directories (ECMA-119, 9.1)

extension ISO9660Parser {
  private struct Directory {
    var record: ISO9660Record
    var path: String
    var depth: Int
  }

  private mutating func walk(
    _ directory: Directory, _ image: borrowing OpenFile, _ pending: inout [Directory]
  ) throws(MasterDiscError) {
    let record = directory.record
    let start = UInt64(record.extent) * ISO9660Parser.sectorSize
    let length = UInt64(record.length)
    directoryOctets += length
    guard directory.depth <= ISO9660Parser.maximumDepth, directoryOctets <= ISO9660Parser.maximumDirectoryLength else {
      throw MasterDiscError(.unsupported, operation, remedy: "its folders are too deep or too large; press it again")
    }
    guard visited.insert(start).inserted else { throw damaged("its folders form a loop") }
    try checkExtent(start, length, directory.path)

    var unfinished: MasterDisc.File?
    for sector in stride(from: start, to: start + length, by: Int(ISO9660Parser.sectorSize)) {
      let octets = try read(image, at: sector, count: Int(min(2048, start + length - sector)))
      var position = 0
      while position < octets.count, octets[position] != 0 {
        let end = position + Int(octets[position])
        guard end <= octets.count, let child = ISO9660Record(in: octets[position..<end]) else {
          throw damaged("the folder '\(directory.path)' has a broken record")
        }
        position = end
        entryCount += 1
        guard entryCount <= ISO9660Parser.maximumEntries else {
          throw MasterDiscError(.unsupported, operation, remedy: "it has too many files; press it again with fewer")
        }
        guard !child.isSelfOrParent, !child.isAssociated else { continue }
        let attributes = try attributes(of: child, image)
        guard !attributes.isLink else { continue }
        let path = directory.path.isEmpty ? attributes.name : "\(directory.path)/\(attributes.name)"
        if child.isDirectory {
          pending.append(Directory(record: child, path: path, depth: directory.depth + 1))
        } else {
          try add(child, path, attributes.isExecutable, &unfinished)
        }
      }
    }
    guard unfinished == nil else { throw damaged("the last part of a file in '\(directory.path)' is missing") }
  }

  /// Adds a file, or one more section of the file before (ECMA-119, 6.5.1: files beyond 4 GiB have several).
  private mutating func add(
    _ record: ISO9660Record, _ path: String, _ isExecutable: Bool, _ unfinished: inout MasterDisc.File?
  ) throws(MasterDiscError) {
    guard !record.isInterleaved else {
      throw MasterDiscError(.unsupported, operation, remedy: "'\(path)' is interleaved; press it again")
    }
    let start = UInt64(record.extent) * ISO9660Parser.sectorSize
    let length = UInt64(record.length)
    if length > 0 { try checkExtent(start, length, path) }
    var extents = unfinished?.extents ?? []
    guard unfinished == nil || unfinished?.path == path, extents.count < 10_000 else {
      throw damaged("the parts of '\(path)' do not follow one another")
    }
    if length > 0 { extents.append(start..<(start + length)) }
    let file = MasterDisc.File(
      path: path, length: (unfinished?.length ?? 0) + length, isExecutable: isExecutable, extents: extents)
    unfinished = record.hasMoreSections ? file : nil
    if !record.hasMoreSections { files.append(file) }
  }

  private func checkExtent(_ start: UInt64, _ length: UInt64, _ path: String) throws(MasterDiscError) {
    // Both come from 32-bit fields: neither the product nor the sum can overflow 64 bits.
    guard start + length <= imageLength else {
      throw MasterDiscError(
        .truncated, "\(operation): '\(path)' reaches beyond the end of the image", remedy: "copy the image again")
    }
  }

  private func checkNoFileIsAFolder() throws(MasterDiscError) {
    var paths: Set<String> = []
    for file in files {
      guard paths.insert(file.path).inserted else { throw damaged("it has two files named '\(file.path)'") }
    }
  }

  private func attributes(
    of record: ISO9660Record, _ image: borrowing OpenFile
  ) throws(MasterDiscError) -> ISO9660Attributes {
    var reader = ISO9660AttributeReader(record: record, names: names, skip: suspSkip)
    while let area = try reader.readArea(damaged) {
      let start = UInt64(area.block) * ISO9660Parser.sectorSize + UInt64(area.offset)
      try checkExtent(start, UInt64(area.length), "a name")
      reader.area = try read(image, at: start, count: Int(area.length))[...]
    }
    return try reader.finish(damaged)
  }

  private func read(_ image: borrowing OpenFile, at offset: UInt64, count: Int) throws(MasterDiscError) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    let done = try octets.withMutableOctets { (all) throws(MasterDiscError) in
      try image.read(at: offset, into: all)
    }
    octets.removeLast(count - done)
    return octets
  }
}

extension String {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, predicate(last) { text.removeLast() }
    return String(text)
  }
}
