import DiscEmulator
import DriveFirmware
import Glibc

/// The medium id, as octets that can be read and nothing else (M3).
final class MediumIDExport: Export {
  private let octets: [UInt8]

  /// Exports the id of `served`.
  init(of served: ServedDisc) { octets = served.disc.factoryRecord.mediumID }

  let description = "the medium id, which nothing can write"
  var size: UInt64 { UInt64(octets.count) }
  let isWritable = false
  let blockSizes: ExportBlockSizes? = nil

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ExportError) {
    guard offset <= size, UInt64(buffer.count) <= size - offset else {
      throw .outside(offset, buffer.count, of: size)
    }
    buffer.copyBytes(from: octets[Int(offset)..<(Int(offset) + buffer.count)])
  }

  func write(at offset: UInt64, _ data: UnsafeRawBufferPointer) throws(ExportError) { throw MediumIDExport.refusal }

  func zero(at offset: UInt64, count: UInt64) throws(ExportError) { throw MediumIDExport.refusal }

  func flush() throws(ExportError) {}

  private static let refusal = ExportError(EPERM, "the medium id cannot be written")
}
