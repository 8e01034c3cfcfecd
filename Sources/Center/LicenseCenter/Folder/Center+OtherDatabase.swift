extension Center {
  /// The same centre on another handle to its database: for what wants to stand between the two, or in its place, such as
  /// what measures them.
  package func over(_ database: any Database) -> Center {
    Center(
      context: CenterContext(
        facts: context.facts, database: database, keys: context.keys, clock: context.clock, random: context.random,
        custody: context.custody, folder: context.folder, processor: context.processor))
  }
}
