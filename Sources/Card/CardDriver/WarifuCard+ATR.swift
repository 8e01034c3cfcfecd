import ISO7816
import Octets

extension WarifuCard {
  /// Whether an answer to reset is a Warifu card's: its historical bytes say so. Others need not be disturbed by asking.
  public static func isAnnounced(by answerToReset: [UInt8]) -> Bool {
    guard let atr = try? ATR(parsing: answerToReset.span.bytes), let historical = try? atr.historicalBytes() else {
      return false
    }
    return historical.issuerData == Array("WARIFU".utf8)
  }
}
