import CardProtocol
import Cryptography
import Foundation
import Octets

/// What to do to many cards (docs/batch.md): which cards, whether to issue them, and what to charge onto each.
struct BatchPlan: Sendable {
  /// Some of the cards.
  struct Cards: Sendable {
    /// Where they are.
    enum Origin: Sendable {
      /// A file or a pattern with `*`, `?` and `[ ]`, from the plan's folder on.
      case files(String)
      /// A part of a reader's name, and how many cards will be put into it.
      case reader(String, count: Int)
    }

    let origin: Origin
    /// Who buys them, in place of the plan's purchaser.
    let purchaser: String?
  }

  /// How they are made someone's.
  struct Issue: Sendable {
    /// Who buys them; `{number}` and `{serial}` stand for the card's.
    let purchaser: String?
    let maximumCodes: UInt32
    let generationKeys: [UInt8]
    /// Where PIN letters go, from the plan's folder on; `{number}` or `{serial}` is in it.
    let pinLetters: String?
  }

  /// Codes for each card.
  struct Charge: Sendable {
    let title: TitleChoice
    let count: UInt16
    /// Whether fewer will do where the card takes no more.
    let fewer: Bool
  }

  /// What people call it.
  let name: String
  let cards: [Cards]
  let issue: Issue?
  let charges: [Charge]
  /// The folder that its paths begin in.
  let folder: String
  /// SHA-256 of its text: a journal belongs to this very plan.
  let digest: [UInt8]

  /// The most octets of a plan.
  private static let limit = 1 << 20

  /// Reads a plan.
  init(readingFrom path: String) throws {
    let octets = try SmallFile.read(path, limit: BatchPlan.limit, what: "plan")
    guard let text = String(validating: octets, as: UTF8.self) else {
      throw Failure(.badInput, "\(path) is no text", remedy: "write the plan in UTF-8")
    }
    let json: LocatedJSON
    do {
      json = try LocatedJSON.parse(text)
    } catch {
      throw PlanReader.failure(path, error.line, "", error.reason)
    }
    var reader = try PlanReader(json, at: "", in: path)
    guard try reader.require(try reader.number("version", 1...Int.max), "version") == 1 else {
      throw reader.failure("version", "this program knows version 1 only")
    }
    name = try reader.text("name", limit: 200) ?? (path as NSString).lastPathComponent
    cards = try reader.require(try reader.objects("cards"), "cards").map(Cards.init)
    issue = try reader.object("issue").map(Issue.init)
    charges = try (reader.objects("charge") ?? []).map(Charge.init)
    try reader.end()
    guard !cards.isEmpty else { throw reader.failure("cards", "at least one card is needed") }
    guard issue != nil || !charges.isEmpty else {
      throw reader.failure("issue", "there is nothing to do without issue or charge")
    }
    if let issue, issue.purchaser == nil, let index = cards.firstIndex(where: { $0.purchaser == nil }) {
      throw reader.failure("cards", "cards[\(index)] has no purchaser, and issue has none either")
    }
    folder = (path as NSString).deletingLastPathComponent
    digest = Digest.sha256(octets)
  }

  /// A path of the plan, as this process reaches it.
  func path(_ path: String) -> String {
    path.hasPrefix("/") || folder.isEmpty ? path : folder + "/" + path
  }
}

extension BatchPlan.Cards {
  fileprivate init(_ reader: PlanReader) throws {
    var reader = reader
    let files = try reader.text("files")
    let name = try reader.text("reader")
    let count = try reader.number("count", 1...100_000)
    purchaser = try reader.text("purchaser", limit: 200)
    try reader.end()
    if let files, name == nil {
      guard count == nil else { throw reader.failure("count", "it goes with reader; of files, all are taken") }
      origin = .files(files)
    } else if let name, files == nil {
      origin = .reader(name, count: try reader.require(count, "count"))
    } else {
      throw reader.failure("files", "either files or reader says where the cards are")
    }
  }
}

extension BatchPlan.Issue {
  fileprivate init(_ reader: PlanReader) throws {
    var reader = reader
    purchaser = try reader.text("purchaser", limit: 200)
    maximumCodes = UInt32(try reader.number("maximumCodes", 1...Int(UInt32.max)) ?? 100)
    let keys = try reader.numbers("generationKeys", 1...Int(CardProtocol.generationKeyCount)) ?? [1]
    generationKeys = Set(keys.map { UInt8($0) }).sorted()
    pinLetters = try reader.text("pinLetters")
    try reader.end()
    if let pinLetters, !pinLetters.contains("{serial}"), !pinLetters.contains("{number}") {
      throw reader.failure("pinLetters", "each letter wants a file of its own: put {serial} or {number} in the name")
    }
  }
}

extension BatchPlan.Charge {
  fileprivate init(_ reader: PlanReader) throws {
    var reader = reader
    let name = try reader.require(try reader.text("title"), "title")
    guard let title = TitleChoice(argument: name) else { throw reader.failure("title", "it is no title") }
    self.title = title
    count = UInt16(try reader.require(try reader.number("count", 1...Int(UInt16.max)), "count"))
    fewer = try reader.truth("fewer")
    try reader.end()
  }
}
