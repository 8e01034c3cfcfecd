import CardDriver
import Cryptography
import DiscDriver
import Formats
import Identifiers
import SecureChannel

/// Why a title could not be pressed, copied or run.
public struct LicensingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Equatable {
    /// There is no licence for the title on the medium.
    case notLicensed
    /// A licence, a catalogue or a certificate is not the centre's.
    case notAuthentic
    /// The licence is for another medium (M10).
    case wrongMedium
    /// The licence is for another card.
    case wrongCard
    /// The licence is of the other profile than this wants: by conversion keys, or by certificate code.
    case wrongProfile
    /// The licence wants the medium attested, and no drive that the centre has certified does so.
    case notAttested
    /// The card recomputed the certificate code and found another one, or cannot open its key (M7).
    case notCertified
    /// The licence or the card's codes are past their date.
    case expired
    /// There is no such title on the disc.
    case noSuchTitle
    /// Content is not what was sealed.
    case damaged
    /// The handler of progress said stop.
    case cancelled
    /// A file of this machine could not be read.
    case file
    /// What was opened could not be written where it should go.
    case output
    /// The title cannot be executed here.
    case notExecutable
    /// The card, or the way to it.
    case card(CardError)
    /// The target disc.
    case disc(DiscError)
    /// The master disc.
    case master(MasterDiscError)
    /// A record is malformed.
    case format(FormatError)
    /// The provider of cryptography failed.
    case cryptography
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, for people: a few words without a full stop.
  public var operation: String
  /// What to do about it, a sentence for people.
  public var remedy: String
  /// Whether the target disc may have changed.
  public var discMayHaveChanged: Bool

  /// An error; see the properties.
  public init(_ code: Code, _ operation: String, remedy: String, discMayHaveChanged: Bool = false) {
    self.code = code
    self.operation = operation
    self.remedy = remedy
    self.discMayHaveChanged = discMayHaveChanged
  }

  /// One sentence: what failed, and what to do.
  public var description: String { "\(operation): \(remedy)" }
}

extension LicensingError {
  /// Any error of the layers below as one of this layer; its own pass through.
  init(_ error: any Error, during operation: String) {
    switch error {
    case let error as LicensingError: self = error
    case let error as CardError: self.init(.card(error), operation, remedy: error.remedy)
    case let error as DiscError:
      self.init(.disc(error), operation, remedy: error.remedy, discMayHaveChanged: error.discMayHaveChanged)
    case let error as MasterDiscError: self.init(.master(error), operation, remedy: error.remedy)
    case let error as FormatError where error.code == .notAuthentic:
      self.init(
        .notAuthentic, operation, remedy: "It was not signed by the card's centre, or it was altered; get it anew.")
    case let error as FormatError: self.init(.format(error), operation, remedy: error.description)
    case CryptoError.notAuthentic:
      self.init(.damaged, operation, remedy: "The content is damaged or was altered; copy the title again.")
    default: self.init(.cryptography, operation, remedy: "Check the installation of OpenSSL and try again.")
    }
  }
}

/// Runs `body`, making whatever it throws an error of this layer.
func licensing<R: ~Copyable>(_ operation: String, _ body: () throws -> R) throws(LicensingError) -> R {
  do { return try body() } catch { throw LicensingError(error, during: operation) }
}

/// How far something long has come, in octets.
public struct TransferProgress: Sendable, Hashable {
  /// What is going on. One thing comes after the other; each has octets of its own to do.
  public enum Activity: Sendable, Hashable {
    /// What an interrupted copy left is read back.
    case comparing
    /// A title is copied.
    case copying
    /// What an interrupted conversion left is made once more from the master disc.
    case catchingUp
    /// What was copied is read back.
    case verifying
    /// A title is sealed.
    case sealing
    /// A title is opened.
    case opening
  }

  /// What is going on.
  public let activity: Activity
  /// What is done.
  public let done: UInt64
  /// All there is to do.
  public let total: UInt64

  /// A state.
  public init(_ activity: Activity, done: UInt64, total: UInt64) {
    self.activity = activity
    self.done = done
    self.total = total
  }
}

/// Is told of progress after every segment; `false` cancels.
public typealias ProgressHandler = (TransferProgress) -> Bool

/// Goes on without telling anybody.
public func withoutProgress(_: TransferProgress) -> Bool { true }
