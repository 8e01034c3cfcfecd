/// The OpenSSL calls that the card's end of one SCP03 exchange at level 33 needs, and nothing else (AES-256, S8): CMAC
/// over the command, its initialisation vector, CBC decryption; vector, CBC encryption and CMAC of the response. Where
/// a message has no data, only its MAC.
final class BareExchange {
  private let commandMAC: BareCMAC
  private let responseMAC: BareCMAC
  private let vectors: BareCipher
  private let decryption: BareCipher
  private let encryption: BareCipher
  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
  private let commandOctets: Int
  private let responseOctets: Int

  /// An exchange of so many octets of plain data, up to 16,000.
  init(commandOctets: Int, responseOctets: Int) throws {
    let key = [UInt8](repeating: 0x42, count: 32)
    self.commandOctets = BareExchange.padded(commandOctets)
    self.responseOctets = BareExchange.padded(responseOctets)
    commandMAC = try BareCMAC(key: key)
    responseMAC = try BareCMAC(key: key)
    vectors = try BareCipher("AES-256-ECB", key: key, encrypting: true)
    decryption = try BareCipher("AES-256-CBC", key: key, encrypting: false)
    encryption = try BareCipher("AES-256-CBC", key: key, encrypting: true)
    memory.initializeMemory(as: UInt8.self, repeating: 0x5A)
  }

  deinit { memory.deallocate() }

  /// All calls of one exchange. A MAC is over the chaining value (16), the header (5) or status word (2), and the data.
  func run() {
    commandMAC.authenticate(UnsafeRawBufferPointer(rebasing: memory[..<(16 + 5 + commandOctets)]))
    if commandOctets > 0 {
      vectors.update(UnsafeMutableRawBufferPointer(rebasing: memory[..<16]))
      decryption.restartAndUpdate(UnsafeMutableRawBufferPointer(rebasing: memory[..<commandOctets]))
    }
    if responseOctets > 0 {
      vectors.update(UnsafeMutableRawBufferPointer(rebasing: memory[..<16]))
      encryption.restartAndUpdate(UnsafeMutableRawBufferPointer(rebasing: memory[..<responseOctets]))
    }
    responseMAC.authenticate(UnsafeRawBufferPointer(rebasing: memory[..<(16 + responseOctets + 2)]))
  }

  private static func padded(_ octets: Int) -> Int { octets == 0 ? 0 : (octets / 16 + 1) * 16 }
}
