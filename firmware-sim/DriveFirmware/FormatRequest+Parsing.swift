import Octets
import SCSI

/// The addresses in a parameter list of REASSIGN BLOCKS or FORMAT UNIT.
struct DefectList {
  /// The blocks.
  let addresses: [UInt64]

  /// Reads a list that tells its length at `lengthAt` and whose addresses begin behind `headerOctets`.
  init(
    _ list: RawSpan, lengthAt: Int, lengthOctets: Int, headerOctets: Int, format: DefectFormat
  ) throws(CommandFailure) {
    guard list.byteCount >= headerOctets else { throw .sense(SenseData(.parameterListLengthError)) }
    var length: UInt64 = 0
    for index in 0..<lengthOctets { length = length << 8 | UInt64(list[octet: lengthAt + index]) }
    guard length <= DriveCommand.maximumListOctets, length % UInt64(format.octetCount) == 0 else {
      throw .invalidParameter(lengthAt)
    }
    guard headerOctets + Int(length) <= list.byteCount else { throw .sense(SenseData(.parameterListLengthError)) }
    var addresses: [UInt64] = []
    for start in stride(from: headerOctets, to: headerOctets + Int(length), by: format.octetCount) {
      var address: UInt64 = 0
      for index in 0..<format.octetCount { address = address << 8 | UInt64(list[octet: start + index]) }
      addresses.append(address)
    }
    self.addresses = addresses
  }
}

extension FormatRequest {
  /// What a FORMAT UNIT command with its parameter list asks for (SBC-3, 5.3).
  init(_ command: DriveCommand.FormatUnit, _ list: RawSpan, blockCount: UInt32) throws(CommandFailure) {
    guard command.hasParameterList else {
      guard !command.isListComplete, command.format == 0, !command.isLongList else { throw .invalidField(1, bit: 5) }
      self.init()
      return
    }
    guard let format = DefectFormat(rawValue: command.format), format != .physicalSector else {
      throw .invalidField(1, bit: 2)
    }
    var headerOctets = command.isLongList ? 8 : 4
    guard list.byteCount >= headerOctets else { throw .sense(SenseData(.parameterListLengthError)) }
    guard list[octet: 0] & 0x07 == 0 else { throw .invalidParameter(0, bit: 2) }  // protection information
    let flags = list[octet: 1]
    let isHeeded = flags & 0x80 != 0  // FOV
    guard isHeeded || flags & 0x78 == 0 else { throw .invalidParameter(1, bit: 6) }  // DPRY, DCRT, STPF, IP

    var pattern: [UInt8] = []
    if flags & 0x08 != 0 { pattern = try FormatRequest.pattern(list, at: &headerOctets) }
    let defects = try DefectList(
      list, lengthAt: command.isLongList ? 4 : 2, lengthOctets: command.isLongList ? 4 : 2,
      headerOctets: headerOctets, format: format)
    for (index, block) in defects.addresses.enumerated() where block >= UInt64(blockCount) {
      throw .invalidParameter(headerOctets + index * format.octetCount)
    }
    self.init(
      keepsPrimaryDefects: flags & 0x40 == 0, keepsGrownDefects: !command.isListComplete,
      certifies: flags & 0x20 == 0, defectiveBlocks: defects.addresses, pattern: pattern)
  }

  /// The initialization pattern whose descriptor is at `offset`, which moves behind it (SBC-3, 5.3.2.3).
  private static func pattern(_ list: RawSpan, at offset: inout Int) throws(CommandFailure) -> [UInt8] {
    let start = offset
    guard list.byteCount >= start + 4 else { throw .sense(SenseData(.parameterListLengthError)) }
    guard list[octet: start] & 0xC0 == 0 else { throw .invalidParameter(start, bit: 7) }  // IP MODIFIER
    let kind = list[octet: start + 1]
    let length = Int(list[octet: start + 2]) << 8 | Int(list[octet: start + 3])
    guard kind == 1 || (kind == 0 && length == 0) else { throw .invalidParameter(start + 1) }
    guard kind == 0 || length > 0 else { throw .invalidParameter(start + 2) }
    offset = start + 4 + length
    guard list.byteCount >= offset else { throw .sense(SenseData(.parameterListLengthError)) }
    var octets: [UInt8] = []
    for index in (start + 4)..<offset { octets.append(list[octet: index]) }
    return octets
  }
}
