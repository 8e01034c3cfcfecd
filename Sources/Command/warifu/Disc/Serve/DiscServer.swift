import DiscEmulator
import DriveFirmware
import Glibc
import Identifiers

/// A disc on offer to other programs.
protocol DiscServer: AnyObject {
  /// Begins to serve, and tells where.
  ///
  /// - Parameter wake: called on any thread when there is something for ``report()``, or the server ended by itself.
  func start(_ wake: @escaping @Sendable () -> Void) throws -> ServingReport

  /// What happened since the last time.
  func report() throws -> [ServingReport]

  /// How it goes.
  var status: ServingReport { get }

  /// What somebody may type beside `status`, `help` and `quit`.
  var orders: [String] { get }

  /// Does what somebody typed, one of ``orders``.
  func carryOut(_ order: String) throws -> ServingReport

  /// Ends serving, and waits for the end of what was going on.
  func stop()
}

/// What happened to a disc that is served, as a line.
struct ServingReport: Report {
  /// `listening`, `status`, and for a drive `ejected`, `inserted`, `login`, `logout`.
  let event: String
  /// The disc's image.
  let image: String
  /// Where clients find it.
  var uri: String?
  /// Whether anybody on the network may come, asked for no secret.
  var isOpenToNetwork: Bool?
  /// More about it, where there is more to say.
  var detail: String?
  /// Commands of clients, to copy.
  var examples: [String]?

  var text: String {
    var text = "\(image): \(event)" + (uri.map { " at \($0)" } ?? "") + "\n"
    if let detail { text += FoldedText.fold(detail, columns: 78).split(separator: "\n").map { "  \($0)\n" }.joined() }
    for example in examples ?? [] { text += "  \(example)\n" }
    return text
  }
}

/// What there is to know of a disc before it is served.
struct DiscToServe {
  /// The image's path.
  let path: String
  /// Its medium id.
  let mediumID: MediumID?
  /// Kind and size, for people.
  let words: String
  private let blockCount: UInt32
  private let spareCount: UInt32

  /// Looks at an image: whoever cannot open it hears of it here, with what to do.
  init(_ path: String, readOnly: Bool) throws {
    let disc = try EmulatedDisc(openingAt: path, readOnly: readOnly)
    self.path = path
    mediumID = MediumID(octets: disc.factoryRecord.mediumID)
    let geometry = disc.geometry
    (blockCount, spareCount) = (geometry.blockCount, geometry.spareCount)
    let state = disc.isWriteProtected ? ", write protected" : ""
    words =
      "\(geometry.nominalMegabytes) MB, \(geometry.blockCount) blocks of \(geometry.blockSize) octets\(state), "
      + "medium id \(mediumID?.description ?? "unknown")"
  }
}

extension DiscToServe {
  /// Refuses a plan of faults for blocks that the disc does not have.
  func check(_ faults: MediumFaults) throws {
    if let spares = faults.spares, spares > spareCount {
      throw Failure(
        .usage, "--faults wants \(spares) spare sectors, which \(path) does not have",
        remedy: "give at most \(spareCount)")
    }
    guard let last = faults.rules.map(\.blocks.upperBound).max(), last >= UInt64(blockCount) else { return }
    throw Failure(
      .usage, "--faults names block \(last), which \(path) does not have",
      remedy: "give blocks from 0 to \(blockCount - 1)")
  }
}

/// The reach of an address of this machine.
enum ListeningHost {
  /// Whether only this machine reaches what listens at `host`.
  static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
  }

  /// `host` as it stands in a URI that a client on this machine can use: nobody can call all addresses at once.
  static func inURI(_ host: String) -> String {
    var (narrow, wide) = (in_addr(), in6_addr())
    if inet_aton(host, &narrow) != 0, narrow.s_addr == INADDR_ANY { return "127.0.0.1" }
    let isAll = inet_pton(AF_INET6, host, &wide) == 1 && withUnsafeBytes(of: wide) { $0.allSatisfy { $0 == 0 } }
    return isAll ? "[::1]" : host.contains(":") ? "[\(host)]" : host
  }
}
