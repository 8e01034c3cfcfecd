import Cryptography

/// How often somebody may try codes that are not good: a bucket of failures that leaks.
public struct AttemptLimit: Hashable, Sendable {
  /// Failures that fill the bucket.
  public var failures: Int
  /// Seconds in which one failure leaks out.
  public var recoverySeconds: UInt64

  /// A limit; both at least 1.
  public init(failures: Int, recoverySeconds: UInt64) {
    self.failures = max(1, failures)
    self.recoverySeconds = max(1, recoverySeconds)
  }
}

/// The limits of identities and of addresses. Only failures count, and they are counted apart:
///
/// - An identity (a card or machine that logged in) is limited by its own failures alone; while its bucket is full, no
///   code of it is looked at. Nobody else can fill it.
/// - Who has no identity is counted by address, and others may share that. So a right code is redeemed however full the
///   bucket is, and only what fails is told to wait: nobody locks his neighbours out. What that leaves a guesser is
///   80 random bits, of which ten thousand guesses a second find one of ten million codes in some 10⁵ years; what
///   his requests cost is the server's rate limit to bound.
public struct AttemptLimits: Hashable, Sendable {
  /// For each identity.
  public var identity: AttemptLimit
  /// For each address.
  public var address: AttemptLimit

  /// The limits of these buckets.
  public init(
    identity: AttemptLimit = AttemptLimit(failures: 10, recoverySeconds: 60),
    address: AttemptLimit = AttemptLimit(failures: 30, recoverySeconds: 20)
  ) {
    self.identity = identity
    self.address = address
  }
}

/// Who tries a code, as the server knows him. Kept as keyed look-up values only.
public struct RedeemingClient: Hashable, Sendable {
  /// Who logged in; `nil` for somebody unknown.
  public var identity: String?
  /// Where the request came from: an address, of IPv6 the first 64 bits, since one household has all of the rest.
  public var address: String?

  /// A client.
  public init(identity: String? = nil, address: String? = nil) {
    self.identity = identity
    self.address = address
  }
}

/// The bucket that counts for one client.
struct AttemptBucket {
  /// What it is found under; `nil` for a client of whom nothing is known, such as the counter itself.
  private let name: [UInt8]?
  private let limit: AttemptLimit

  init(of client: RedeemingClient, _ limits: AttemptLimits, _ keys: KeyStore) throws {
    limit = client.identity != nil ? limits.identity : limits.address
    name =
      if let identity = client.identity {
        try ClientLookup.attempts("identity", identity, keys)
      } else {
        try client.address.map { try ClientLookup.attempts("address", $0, keys) }
      }
  }

  /// Seconds until there is room for a failure; 0 while there is.
  func wait(_ transaction: any Transaction, at time: UInt64) throws -> UInt64 {
    guard let (failures, since) = try level(transaction, at: time), failures >= limit.failures else { return 0 }
    return limit.recoverySeconds - min(since, limit.recoverySeconds - 1)
  }

  /// Notes a failure, and forgets whoever's bucket has run dry.
  func fail(_ transaction: any Transaction, at time: UInt64) throws {
    guard let name else { return }
    let (failures, since) = try level(transaction, at: time) ?? (0, 0)
    // The failure that is leaking out goes on doing so. A full bucket does not get fuller: else waiting would not help.
    try transaction.run(
      """
      INSERT INTO attempts (name, failures, noted_at) VALUES ($1, $2, $3)
      ON CONFLICT (name) DO UPDATE SET failures = $2, noted_at = $3
      """,
      [
        .blob(name), .number(min(failures + 1, limit.failures)),
        .number(failures == 0 ? time : time - min(since, time)),
      ])
    let dry = UInt64(limit.failures).multipliedReportingOverflow(by: limit.recoverySeconds)
    try transaction.run(
      "DELETE FROM attempts WHERE noted_at < $1", [.number(dry.overflow ? 0 : time - min(dry.partialValue, time))])
  }

  /// Failures in the bucket at `time`, and for how many seconds the next one to go has been leaking.
  private func level(_ transaction: any Transaction, at time: UInt64) throws -> (failures: Int, since: UInt64)? {
    guard let name else { return nil }
    guard let row = try transaction.first("SELECT * FROM attempts WHERE name = $1", [.blob(name)]) else {
      return (0, 0)
    }
    let noted: UInt64 = try row.number("noted_at")
    // A clock set back makes nobody wait longer than from now.
    let passed = time - min(noted, time)
    let leaked = Int(clamping: passed / limit.recoverySeconds)
    let failures = max(0, try row.number("failures", as: Int.self) - min(leaked, limit.failures))
    return (failures, failures == 0 ? 0 : passed % limit.recoverySeconds)
  }
}
