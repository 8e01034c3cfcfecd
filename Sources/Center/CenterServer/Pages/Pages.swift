import LicenseCenter

/// Every page of the centre.
enum Pages {
  static func all(_ center: Center, _ reader: CounterReader?) -> [Page] {
    let desk = reader.map { ChargeDesk($0, center) }
    return HomePages.all + RedeemPages(center: center).all + DownloadPages(center: center).all
      + SignInPages(center: center).all + HolderPages(center: center).all
      + CounterPages(center: center, desk: desk).all + SalePages(center: center, desk: desk).all
      + MoneyPages(center: center).all + PaybackPages(center: center).all + BookPages(center: center).all
  }
}
