import FuzzTargets
import TestSupport
import Testing

/// Ten million CDBs in a soak run: every operation code as often as every other, half of the CDBs random octets, half with
/// fields that mean something.
@Suite struct DriveSoakTests {
  @Test(arguments: [0x00, 0x40, 0x80, 0xC0]) func M3_everyOperationCodeKeepsEveryPromise(from first: Int) throws {
    var random = Randomness("M3_everyOperationCodeKeepsEveryPromise from \(first)")
    for code in first..<(first + 0x40) {
      for _ in 0..<random.soak(4, full: 1000) {
        // Unit attentions are out of the way first, for two of the three initiators.
        var input: [UInt8] = [0x00, 0x05, 0, 0, 0, 0, 0, 0, 0x01, 0x05, 0, 0, 0, 0, 0, 0]
        for _ in 0..<40 { input += command(UInt8(code), &random) }
        try FuzzTarget.drive.run(input)
      }
    }
  }

  /// A command as the fuzz target reads it.
  private func command(_ code: UInt8, _ random: inout Randomness) -> [UInt8] {
    let isSensible = Bool.random(using: &random.generator)
    var cdb = random.octets(count: 16)
    cdb[0] = code
    if isSensible {
      let length = [6, 10, 10, 6, 16, 12, 10, 12][Int(code >> 5)]
      cdb = Array(cdb.prefix(length))
      for index in 1..<length where Int.random(in: 0..<4, using: &random.generator) > 0 { cdb[index] = 0 }
      cdb[length - 1] = 0
    }
    let data = random.octets(count: Int.random(in: 0...15, using: &random.generator) * 4)
    let usesPattern = Bool.random(using: &random.generator)
    let shape = UInt8(usesPattern ? Int.random(in: 8...15, using: &random.generator) : data.count / 4) << 4
    let control: UInt8 = (usesPattern ? 0x04 : 0x08) | UInt8.random(in: 0...1, using: &random.generator)
    return [control, shape | UInt8(cdb.count - 1)] + cdb + (usesPattern ? [] : data)
  }
}
