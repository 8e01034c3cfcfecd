import CLinux
import Octets

extension CRC32C {
  /// Takes in all of `bytes` by the processor's own instruction, many times as fast, where it has one.
  public mutating func update(byProcessor bytes: UnsafeRawBufferPointer) {
    guard CRC32C.hasInstruction else { return update(RawSpan(_unsafeBytes: bytes)) }
    self = CRC32C(register: warifu_crc32c(register, bytes.baseAddress, bytes.count))
  }

  private static let hasInstruction = warifu_has_crc32c() == 1
}
