import CLinux
import Foundation
import Testing

@testable import LicenseCenter

@Suite struct CoreFileTests {
  /// The runner of these tests lets none of its processes make cores, so that only the setting shows here; that a command
  /// leaves none where others do is for the command's tests.
  @Test func abortedCentreMakesNoCore() async throws {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      guard warifu_set_dumpable(1) == 0, !ProcessSecrecy.isOn else { return }
      try ProcessSecrecy.begin()
      guard ProcessSecrecy.isOn else { return }
      abort()
    }
  }
}
