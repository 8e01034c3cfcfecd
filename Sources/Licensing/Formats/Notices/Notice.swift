import Octets

/// What a notice tells a holder about. The numbers stand in sealed notices: never reuse one.
public enum NoticeKind: UInt8, Hashable, Sendable, CaseIterable {
  /// Something that the counter wrote.
  case message = 1
  /// Pay-back was granted.
  case paybackGranted = 2
  /// Pay-back was taken back, since what it was for was refunded.
  case paybackTakenBack = 3
  /// Pay-back was paid out.
  case paybackPaidOut = 4
  /// Codes were refunded.
  case codesRefunded = 5
  /// A bill could not be collected, and is owed.
  case billOwed = 6
}

/// What the centre has to say to one holder (P18, [0050]).
public struct Notice: Hashable, Sendable {
  /// The most octets of the text in UTF-8.
  public static let textOctets = 4096
  /// The most octets of the encoding.
  static let maximumOctetCount = textOctets + 128
  private static let amountOctets = 40
  private static let subject = "notice"

  /// What it is about.
  public var kind: NoticeKind
  /// How much money or how many points; `nil` where it is about none.
  public var amount: Money?
  /// For people, one or more lines; what it holds is for this holder alone.
  public var text: String

  /// A notice.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a text that is empty, too long, or has control characters other than line
  ///   feeds.
  public init(_ kind: NoticeKind, amount: Money? = nil, text: String) throws(FormatError) {
    guard Notice.isText(text) else { throw FormatError(.invalid, "\(Notice.subject), text") }
    self.kind = kind
    self.amount = amount
    self.text = text
  }

  /// The record, with what acknowledges it.
  func encoded(acknowledgement: [UInt8]) -> [UInt8] {
    var writer = RecordWriter(.notice)
    writer.put(.noticeKind, kind.rawValue)
    writer.put(.amount, Array((amount?.description ?? "").utf8))
    writer.put(.text, Array(text.utf8))
    writer.put(.acknowledgement, acknowledgement)
    return writer.octets
  }

  /// Reads a record.
  static func parse(_ octets: RawSpan) throws(FormatError) -> OpenedNotice {
    var reader = try RecordReader(octets, .notice, limit: maximumOctetCount, subject: subject)
    let number: UInt8 = try reader.integer(.noticeKind, "kind")
    guard let kind = NoticeKind(rawValue: number) else { throw FormatError(.unknownKind, "\(subject), kind") }
    let amount = try reader.take(.amount, 0...amountOctets, "amount")
    let text = try reader.value(.text, 1...textOctets, "text") { String(validating: $0, as: UTF8.self) }
    let acknowledgement = try reader.take(.acknowledgement, exactly: SealedNotice.acknowledgementOctets, "receipt")
    try reader.expectEnd()
    let money = String(validating: amount, as: UTF8.self).flatMap { Money($0) }
    guard amount.isEmpty || money.map({ Array($0.description.utf8) }) == amount else {
      throw FormatError(.invalid, "\(subject), amount")
    }
    return OpenedNotice(
      notice: try Notice(kind, amount: money, text: text), acknowledgement: acknowledgement)
  }

  private static func isText(_ text: String) -> Bool {
    (1...textOctets).contains(text.utf8.count)
      && text.split(separator: "\n").allSatisfy { $0.isEmpty || isPlainText(String($0), limit: textOctets) }
  }
}

/// A notice that its addressee has opened.
public struct OpenedNotice: Hashable, Sendable {
  /// What it says.
  public var notice: Notice
  /// What tells the centre that it was opened: 16 octets that nobody else has seen.
  public var acknowledgement: [UInt8]
}
