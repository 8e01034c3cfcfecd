/// What a client of nbdkit attaches: octets from 0 on. All functions are called by any number of threads at once.
///
/// Clients are strangers: every offset and count is checked here too, though nbdkit has checked them already.
protocol Export: AnyObject, Sendable {
  /// What it is, for people.
  var description: String { get }
  /// Octets.
  var size: UInt64 { get }
  /// Whether writing makes sense at all.
  var isWritable: Bool { get }
  /// What requests should keep to; `nil` for nothing in particular.
  var blockSizes: ExportBlockSizes? { get }

  /// Fills `buffer` from `offset` on.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ExportError)
  /// Writes all of `data`, or nothing if any of it is protected.
  func write(at offset: UInt64, _ data: UnsafeRawBufferPointer) throws(ExportError)
  /// Writes zeros, or nothing if any of the range is protected.
  func zero(at offset: UInt64, count: UInt64) throws(ExportError)
  /// Makes everything lasting that was written before, by whatever connection.
  func flush() throws(ExportError)
}

/// The sizes that a client is told to keep to, in octets.
struct ExportBlockSizes: Equatable {
  /// Requests should begin and end at multiples of this.
  let minimum: UInt32
  /// What goes well.
  let preferred: UInt32
  /// The most of one request.
  let maximum: UInt32
}

/// The names of the exports.
enum ExportName {
  /// The disc's blocks.
  static let blocks = ""
  /// The disc's medium id.
  static let mediumID = "id"
  /// All of them.
  static let all = [blocks, mediumID]
}
