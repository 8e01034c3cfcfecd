import Glibc
import Identifiers
import Octets

/// An SD or MMC card in a slot of the machine, as the kernel shows it in sysfs. Its id is in no block and in no SCSI
/// command, but in the card's CID register.
public enum SDCard {
  /// Octets of the CID register.
  private static let registerOctets = 16

  /// Which card is behind a block device.
  ///
  /// The CID's last octet is left out: it is a checksum, which some slots cut off, so that the same card would have two
  /// ids.
  ///
  /// - Parameters:
  ///   - path: the device, as `/dev/mmcblk0` or a link to it; its partitions too.
  ///   - system: where sysfs is mounted.
  /// - Returns: the card's id, host-asserted; `nil` if the device is no such card.
  public static func identity(of path: String, system: String = "/sys") -> MediumIdentity? {
    guard let device = deviceName(path), let name = cardName(device),
      let text = SmallFile.lines("\(system)/block/\(name)/device/cid").first, let register = Hex.decode(text),
      register.count == registerOctets, register.contains(where: { $0 != 0 }),
      let id = MediumID(octets: Array(register.dropLast()))
    else { return nil }
    return MediumIdentity(id: id, source: .cardIdentification, strength: .hostAsserted)
  }

  /// The last part of the path, links followed where there are such.
  private static func deviceName(_ path: String) -> String? {
    var whole = path
    if let resolved = realpath(path, nil) {
      whole = String(cString: resolved)
      free(resolved)
    }
    return whole.split(separator: "/").last.map(String.init)
  }

  /// `mmcblk0` of `mmcblk0` and of `mmcblk0p1`; `nil` for other devices, among them the boot parts of MMC cards.
  private static func cardName(_ device: String) -> String? {
    let digits = device.dropFirst("mmcblk".count)
    guard device.hasPrefix("mmcblk"), let first = digits.first, first.isASCII, first.isNumber else { return nil }
    let number = digits.prefix { $0.isASCII && $0.isNumber }
    let rest = digits.dropFirst(number.count)
    guard rest.isEmpty || (rest.first == "p" && rest.count > 1 && rest.dropFirst().allSatisfy { $0.isNumber }) else {
      return nil
    }
    return "mmcblk" + number
  }
}
