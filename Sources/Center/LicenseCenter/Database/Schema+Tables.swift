extension Schema {
  /// A table as whoever copies all of them must know it.
  struct Table: Hashable {
    var name: String
    /// The columns of its primary key.
    var key: [String]
  }

  /// The tables that the first `version` migrations make, each after those that it refers to, read from the migrations
  /// themselves: so there is no list to be forgotten.
  static func tables(upTo version: Int) -> [Table] {
    migrations.prefix(version).flatMap { $0(.sqlite) }.reduce(into: []) { tables, statement in
      if let table = Table(statement: statement) { tables.append(table) }
      let words = statement.split(whereSeparator: \.isWhitespace).map(String.init)
      if words.count == 3, words[0] == "DROP", words[1] == "TABLE" { tables.removeAll { $0.name == words[2] } }
      guard words.count == 6, words[0] == "ALTER", words[1] == "TABLE", words[3] == "RENAME", words[4] == "TO",
        let index = tables.firstIndex(where: { $0.name == words[2] })
      else { return }
      tables[index].name = words[5]
    }
  }
}

extension Schema.Table {
  /// The table of a statement; `nil` for one that makes none.
  init?(statement: String) {
    let words = statement.split(maxSplits: 3, whereSeparator: \.isWhitespace)
    guard words.count == 4, words[0] == "CREATE", words[1] == "TABLE" else { return nil }
    name = String(words[2])
    let parts = statement.split(separator: "PRIMARY KEY", maxSplits: 1)
    guard parts.count == 2 else {
      key = []
      return
    }
    let behind = parts[1].drop(while: \.isWhitespace)
    if behind.hasPrefix("(") {
      key = behind.dropFirst().prefix { $0 != ")" }.split(separator: ",").map { $0.filter { !$0.isWhitespace } }
    } else {
      // A column says it of itself: its name is what stands first behind the last comma or parenthesis.
      let column = parts[0].split(whereSeparator: { $0 == "," || $0 == "(" }).last ?? ""
      key = column.split(whereSeparator: \.isWhitespace).prefix(1).map(String.init)
    }
  }
}
