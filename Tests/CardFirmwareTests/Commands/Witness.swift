import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// Watches a card from inside while a test sends it whatever: what its store holds, and whether an answer tells a key.
struct Witness {
  private let secrets: [[UInt8]]
  private var values: [UInt16: [UInt8]]
  private var changes: Int

  init(_ bench: Bench) throws {
    values = Witness.values(of: bench.store)
    changes = bench.flash.changes
    var secrets = [Bench.individualKey] + Bench.generationKeys
    for label in [KeyLabel.channelEncryption, .channelMAC, .channelDataEncryption, .copyLicenseUserKey, .chargeReceipt]
    {
      secrets.append(try Bench.derived(label))
    }
    for start in [0, 32, 64] { secrets.append(Array(Bench.transportKeys[start..<(start + 32)])) }
    for pair in Witness.keyPairs { if let value = values[pair] { secrets.append(Array(value[..<32])) } }
    // Half a key is a leak, too.
    self.secrets = secrets.flatMap { [Array($0[..<16]), Array($0[16...])] }
  }

  /// Looks at the card after one command.
  ///
  /// - Parameters:
  ///   - instruction: INS of the command, if it was one.
  ///   - answer: the response, plain where the test could take the channel off.
  mutating func look(at bench: Bench, after instruction: UInt8?, _ answer: [UInt8], _ status: StatusWord) {
    for secret in secrets where answer.count >= 16 && answer.contains(secret) {
      Issue.record("INS \(instruction ?? 0) answered with a key")
    }
    if case .undefined = status.category { Issue.record("no status word: \(status.meaning)") }
    guard bench.flash.changes != changes else { return }
    changes = bench.flash.changes
    let now = Witness.values(of: bench.store)
    for key in Set(now.keys).union(values.keys) where now[key] != values[key] {
      let allowed = Witness.mayChange(key, instruction.flatMap { Instruction(rawValue: $0) }, status)
      let name = String(key, radix: 16)
      #expect(allowed, "INS \(instruction ?? 0), \(status.meaning), changed \(name)")
      if key == 0x0003, values[key] != nil { Issue.record("the individual key changed") }
    }
    values = now
  }

  /// Which entries of the store a command may change that ended so: the firmware's layout, read from outside.
  private static func mayChange(_ key: UInt16, _ instruction: Instruction?, _ status: StatusWord) -> Bool {
    // Where an answer waits, the command is done.
    let isDone = status == .ok || status.category == .moreData
    switch instruction {
    case .verify, .changeReferenceData, .resetRetryCounter:
      return key == 0x0481 || key == 0x0482 || (isDone && (key == 0x0381 || key == 0x0382))
    // Any command may have been inside.
    case .envelope:
      return Instruction.allCases.contains { $0 != .envelope && mayChange(key, $0, status) }
    case .handOverCode, .useKey, .performSecurityOperation: return (0x1000..<0x1400).contains(key)
    case .putKey: return isDone && ((0x0102...0x010F).contains(key) || (0x0201...0x0210).contains(key))
    case .storeData:
      return isDone
        && ([0x0010, 0x0011, 0x0381, 0x0382, 0x0481, 0x0482].contains(key) || (0x0600...0x070F).contains(key)
          || (0x1000..<0x1400).contains(key))
    case .generateAsymmetricKeyPair: return isDone && keyPairs.contains(key)
    case .delete: return isDone && (0x1000..<0x1400).contains(key)
    case .updateBinary: return isDone && ((0x0700...0x070F).contains(key) || key >= 0x4000)
    case .setTime: return isDone && key == 0x0012
    default: return false
    }
  }

  private static let keyPairs: [UInt16] = [0x05A4, 0x05B6]

  private static let places: [UInt16] = {
    let single: [UInt16] = [1, 2, 3, 0x10, 0x11, 0x12, 0x0381, 0x0382, 0x0481, 0x0482, 0x05A4, 0x05B6]
    let ranges: [ClosedRange<UInt16>] = [0x0100...0x0210, 0x0620...0x0632, 0x0700...0x070F, 0x1000...0x100C]
    let pieces = (0..<16).flatMap { slot in (0..<5).map { 0x4000 + UInt16(slot) << 8 + UInt16($0) } }
    return single + ranges.flatMap { Array($0) } + pieces
  }()

  private static func values(of store: KeyValueStore) -> [UInt16: [UInt8]] {
    var values: [UInt16: [UInt8]] = [:]
    for place in places { values[place] = store.withValue(StoreKey(rawValue: place)) { $0.octets } }
    return values
  }
}
