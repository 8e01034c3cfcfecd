/// One piece of a sealed title on its way from the master disc to the target medium.
///
/// A piece is a mebibyte of the sealed file, the last one perhaps less: one segment of the stream, and before the first
/// segment the stream's header.
struct TitlePiece {
  /// Its number in the file, from 0 on; the segment's number too.
  let index: UInt32
  /// Whether the file ends with it.
  let isLast: Bool
  /// What was read, to be changed in place. Its length stays.
  let octets: UnsafeMutableRawBufferPointer
}

/// What is done with every piece between reading and writing: nothing when ciphertext is copied as it is (M8), conversion
/// from one key to another in the second embodiment (M14).
protocol TitleStage: Sendable {
  /// A worker for one lane of a ``TitlePipeline``; asked for on the thread that then uses it.
  func worker() throws(LicensingError) -> any TitleStageWorker
}

/// A stage at work in one lane. Used by one thread; keys and contexts of its own need no lock.
protocol TitleStageWorker: AnyObject {
  /// Changes a piece in place. Pieces come in ascending order, but the others go to other workers at the same time, so
  /// what is done with one piece must depend on its number and octets alone.
  func process(_ piece: TitlePiece) throws(LicensingError)
}
