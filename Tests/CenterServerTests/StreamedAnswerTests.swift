import Dispatch
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOPosix
import Testing

@testable import CenterServer

/// Answers that are made while they are sent.
@Suite struct StreamedAnswerTests {
  /// Takes everything at once, as a connection's writer does until its loop has come to look how much room there is.
  private struct Greedy: ResponseBodyWriter {
    let octets: Mutexed<Int>

    mutating func write(_ buffer: ByteBuffer) async throws { octets.set((octets.value ?? 0) + buffer.readableBytes) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  /// A loop that is busy with others sees nothing of what it is handed, so nothing more is made for it.
  @Test func nothingIsMadeThatTheConnectionHasNoTimeFor() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (loop, isFree) = (group.next(), DispatchSemaphore(value: 0))
    loop.execute { isFree.wait() }
    let (asked, octets) = (Mutexed<Int>(), Mutexed<Int>())
    let stream = ReplyStream(length: 100) { _ in
      asked.set((asked.value ?? 0) + 1)
      return [7]
    }
    let response = Response(.stream(stream, type: "text/plain"), "0", on: loop)
    let writing = Task { try await response.body.write(Greedy(octets: octets)) }
    while asked.value == nil { try await Task.sleep(for: .milliseconds(1)) }
    // Time to ask for more, if it did.
    try await Task.sleep(for: .milliseconds(300))
    #expect(asked.value == 1)
    isFree.signal()
    try await writing.value
    #expect(asked.value == 100 && octets.value == 100)
    try await group.shutdownGracefully()
  }
}
