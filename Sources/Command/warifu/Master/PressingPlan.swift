import Formats
import Identifiers
import LicenseCenter

/// A title that is to be pressed, checked against what the centre knows.
enum PressingPlan {
  /// The centre has it.
  case registered(TitleRecord)
  /// It is to be registered when its turn comes.
  case new(TitleSpecification.Description, seller: String, CopyProfile)

  /// What to do for each of `specifications`, in their order.
  ///
  /// - Throws: what the centre would refuse, before it is asked for anything.
  static func plans(
    _ specifications: [TitleSpecification], known: [TitleRecord], seller: String, profile: CopyProfile?
  ) throws -> [PressingPlan] {
    let names = known.map(NamedTitle.init)
    var seen: Set<String> = []
    return try specifications.map { specification in
      let plan: PressingPlan
      switch specification.subject {
      case .registered(let choice):
        let softwareID = try choice.resolve(among: names, in: "the centre")
        guard let record = known.first(where: { $0.softwareID == softwareID }) else {
          throw Failure(.badInput, "the centre knows no title \(softwareID)", remedy: "check the software id")
        }
        guard profile == nil || profile == record.profile else {
          throw Failure(
            .badInput, "'\(record.name)' is copied \(record.profile.words)",
            remedy: "leave out --profile, or press it on another disc")
        }
        plan = .registered(record)
      case .new(let title):
        plan = try PressingPlan(
          title, known: known, seller: title.seller ?? seller, profile: profile ?? .certificate)
      }
      guard seen.insert(plan.key).inserted else {
        throw Failure(.badInput, "\(plan.key) is given twice", remedy: "press each title once")
      }
      return plan
    }
  }

  /// A title by its description. One that was registered so and never pressed is what an earlier try left: it is taken up.
  private init(
    _ title: TitleSpecification.Description, known: [TitleRecord], seller: String, profile: CopyProfile
  ) throws {
    do {
      try CatalogueTitle.validate(name: title.name, version: title.version, price: title.price)
    } catch {
      throw Failure(
        .badInput, error.description,
        remedy:
          "names have 1 to 128 octets, versions 1 to 32, both without control characters, and no price is negative")
    }
    guard seller.utf8.count <= 128 else {
      throw Failure(.badInput, "the seller of '\(title.name)' cannot have this name", remedy: "give at most 128 octets")
    }
    let namesakes = known.filter { $0.name == title.name && $0.version == title.version }
    let left = namesakes.first {
      $0.pressedAt == nil && $0.type == title.type && $0.price == title.price && $0.seller == seller
        && $0.profile == profile
    }
    if let left {
      self = .registered(left)
      return
    }
    if let namesake = namesakes.first {
      throw namesake.isThereAlready(remedy: "press that with title=\(namesake.softwareID), or give another version=")
    }
    self = .new(title, seller: seller, profile)
  }

  /// What tells the title from others.
  private var key: String {
    switch self {
    case .registered(let record): record.softwareID.description
    case .new(let title, _, _): "'\(title.name)' of version \(title.version)"
    }
  }

  /// The centre's record of the title, made now if there is none.
  func record(at center: Center) async throws -> TitleRecord {
    switch self {
    case .registered(let record): record
    case .new(let title, let seller, let profile):
      try await center.titles.register(
        name: title.name, version: title.version, type: title.type, seller: seller, price: title.price,
        profile: profile)
    }
  }
}
