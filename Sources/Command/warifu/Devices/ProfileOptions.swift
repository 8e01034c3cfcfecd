import ArgumentParser
import Formats

extension CopyProfile: ExpressibleByArgument {}

/// Which of the two ways of copying somebody expects.
struct ProfileOptions: ParsableArguments {
  @Option(help: "Only a licence of this kind; without it whichever the title is sold under.")
  var profile: CopyProfile?

  /// Throws if `license` is not of the profile that was asked for.
  func check(_ license: TitleLicense) throws {
    guard let profile, profile != license.profile else { return }
    throw Failure(
      .badInput, "the licence for \(license.softwareID) is \(license.profile.words)",
      remedy: "leave out --profile \(profile.rawValue), or choose another title")
  }
}

extension CopyProfile {
  /// What it is, for people.
  var words: String {
    switch self {
    case .certificate: "by certificate code"
    case .conversion: "by conversion keys"
    }
  }
}
