import ISO7816
import Octets

/// Whatever is taken for an answer to reset has sense in all of its parts.
enum ATRTarget {
  static func run(_ input: [UInt8]) throws {
    guard let answer = try? ATR(parsing: input.span.bytes) else { return }
    try promise(answer.octets == input, "all octets belong to it")
    try promise(input.count <= ATR.octetLimit, "it is not too long")
    try promise(!answer.protocols.isEmpty, "it offers a protocol")
    try promise(answer.clockRateConversion > 0 && answer.baudRateAdjustment > 0, "F and D are numbers")
    try promise((1...254).contains(answer.informationFieldSize), "IFSC is a size")
    try promise((answer.checkOctet != nil) == (answer.protocols != [0] || hasT15(answer)), "TCK is there when it must")
    _ = (answer.specificProtocol, answer.usesCRC)
    guard let historical = try? answer.historicalBytes() else { return }
    if let capabilities = historical.capabilities {
      try promise((1...8).contains(capabilities.logicalChannels), "logical channels are counted from 1 to 8")
    }
    if historical.category == 0x80, let octets = try? historical.encoded() {
      let again = try HistoricalBytes(parsing: octets)
      try promise(again == historical, "historical bytes read back as they were written")
    }
  }

  private static func hasT15(_ answer: ATR) -> Bool {
    answer.interface.contains { ($0.td ?? 0) & 15 == 15 }
  }
}
