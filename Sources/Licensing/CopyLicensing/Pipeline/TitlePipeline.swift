import Cryptography
import DiscDriver
import Dispatch
import Synchronization

/// Takes the pieces of a sealed title from the master disc through some stages to whoever writes them, at constant memory.
///
/// Several lanes, a thread each, deal with whole pieces: read one, take it through the stages, digest it, wait for its
/// turn, write it. So a piece stays near one processor from its reading to its writing; reading, cryptography and
/// digests of different pieces go on at the same time, however the work is spread over them; and pieces are written one
/// at a time and in order, as a drive wants them.
struct TitlePipeline {
  /// Lanes, and buffers of one piece each. More than processors, so that one lane's waiting for the disc leaves work.
  static let laneCount = 4

  let file: MasterDisc.File
  let disc: MasterDisc
  var stages: [any TitleStage] = []
  /// What the sink is given of each piece.
  var digest = SegmentDigest.sha256

  /// Number of pieces of a file of this length.
  static func pieceCount(_ length: UInt64) -> UInt64 {
    let piece = UInt64(PieceDigest.pieceOctets)
    return length / piece + (length % piece > 0 ? 1 : 0)
  }

  /// Runs until every piece from `first` on is written, or every one before `end`.
  ///
  /// - Parameter sink: writes a piece, of which it is given the digest too. Called for one piece at a time, in order, but
  ///   on any thread. What it throws ends the run; no later piece is written.
  func run(
    from first: UInt64 = 0, to end: UInt64? = nil,
    into sink: (_ piece: UnsafeRawBufferPointer, _ digest: [UInt8]) throws(LicensingError) -> Void
  ) throws(LicensingError) {
    let failure = withoutActuallyEscaping(sink) { sink in
      let lanes = Lanes(self, from: first, to: end, sink)
      return lanes.run()
    }
    if let failure { throw failure }
  }
}

/// The lanes of one run.
///
/// Sendable, because everything that changes belongs to whoever's turn it is, and the semaphores that pass the turn on put
/// the accesses in order.
private final class Lanes: @unchecked Sendable {
  typealias Sink = (UnsafeRawBufferPointer, [UInt8]) throws(LicensingError) -> Void

  private let pipeline: TitlePipeline
  /// Let go of when the run is over: it must not outlive the caller's call, which a thread that ends late would make it.
  private var sink: Sink?
  private let pieces: Range<UInt64>
  private let fileEnd: UInt64
  private let count: Int
  /// What each lane waits for; a lane passes the turn to the next one.
  private let turns: [DispatchSemaphore]
  private let ended = DispatchSemaphore(value: 0)
  /// Set in one's turn; read ahead of it too, by lanes that would work for nothing.
  private let isOver = Atomic(false)
  private var failure: LicensingError?

  init(_ pipeline: TitlePipeline, from first: UInt64, to limit: UInt64?, _ sink: @escaping Sink) {
    self.pipeline = pipeline
    self.sink = sink
    fileEnd = TitlePipeline.pieceCount(pipeline.file.length)
    let end = min(limit ?? fileEnd, fileEnd)
    pieces = min(first, end)..<end
    count = Int(min(UInt64(TitlePipeline.laneCount), max(UInt64(pieces.count), 1)))
    // A semaphore must not go with a lower value than it was made with, so none starts above 0.
    turns = (0..<count).map { _ in DispatchSemaphore(value: 0) }
  }

  /// The calling thread is one of the lanes. Returns when no other touches anything any more.
  func run() -> LicensingError? {
    for lane in 1..<max(count, 1) {
      DispatchQueue(label: "warifu.copy.\(lane)", qos: .userInitiated).async {
        self.run(lane)
        self.ended.signal()
      }
    }
    turns[0].signal()
    run(0)
    for _ in 1..<max(count, 1) { ended.wait() }
    sink = nil
    return failure
  }

  private func run(_ lane: Int) {
    let buffer = SegmentBuffer(count: PieceDigest.pieceOctets)
    let workers = makeWorkers()
    for index in stride(from: pieces.lowerBound + UInt64(lane), to: pieces.upperBound, by: count) {
      let outcome = isOver.load(ordering: .relaxed) ? nil : prepare(index, in: buffer, workers)
      turns[lane].wait()
      if let outcome, !isOver.load(ordering: .relaxed) { write(outcome) }
      turns[(lane + 1) % count].signal()
    }
  }

  // MARK: Before one's turn

  private struct Prepared {
    let octets: UnsafeRawBufferPointer
    let digest: [UInt8]
  }

  private func prepare(
    _ index: UInt64, in buffer: SegmentBuffer, _ workers: Result<[any TitleStageWorker], LicensingError>
  ) -> Result<Prepared, LicensingError> {
    do throws(LicensingError) {
      let octets = try read(index, into: buffer)
      let piece = TitlePiece(index: UInt32(clamping: index), isLast: index == fileEnd - 1, octets: octets)
      for worker in try workers.get() { try worker.process(piece) }
      let ready = UnsafeRawBufferPointer(octets)
      return .success(Prepared(octets: ready, digest: pipeline.digest.digest(of: ready)))
    } catch {
      return .failure(error)
    }
  }

  private func read(_ index: UInt64, into buffer: SegmentBuffer) throws(LicensingError) -> UnsafeMutableRawBufferPointer
  {
    let offset = index * UInt64(PieceDigest.pieceOctets)
    let count = Int(min(UInt64(PieceDigest.pieceOctets), pipeline.file.length - offset))
    let octets = UnsafeMutableRawBufferPointer(rebasing: buffer.octets[..<count])
    do throws(MasterDiscError) {
      _ = try pipeline.disc.read(pipeline.file, at: offset, into: octets)
    } catch {
      throw LicensingError(error, during: "read the master disc")
    }
    return octets
  }

  private func makeWorkers() -> Result<[any TitleStageWorker], LicensingError> {
    do throws(LicensingError) {
      return .success(try pipeline.stages.map { (stage) throws(LicensingError) in try stage.worker() })
    } catch {
      return .failure(error)
    }
  }

  // MARK: In one's turn

  private func write(_ outcome: Result<Prepared, LicensingError>) {
    do throws(LicensingError) {
      let piece = try outcome.get()
      try sink?(piece.octets, piece.digest)
    } catch {
      failure = error
      isOver.store(true, ordering: .relaxed)
    }
  }
}
