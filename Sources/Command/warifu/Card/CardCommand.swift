import ArgumentParser

/// The noun `card`.
struct CardCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "card", abstract: "The card: making, issuing, charging it, and what it holds.",
    subcommands: [
      CardNew.self, CardInsert.self, CardIssue.self, CardInfo.self, CardCharge.self, CardReceipt.self, CardCodes.self,
      CardHandOver.self, CardSheet.self, CardPIN.self, CardPINUnblock.self, CardKeys.self, CardTime.self,
      CardLock.self, CardUnlock.self, CardTerminate.self, CardSignIn.self,
    ])
}
