import Foundation
import LicenseCenter
import NIOSSL
import Synchronization

/// The server's certificate chain and private key from two PEM files, which may be replaced while it serves.
public final class TLSIdentity: Sendable {
  private let certificatePath: String
  private let keyPath: String
  private let current: Mutex<NIOSSLContext>

  /// Reads the files.
  ///
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` when they are no chain and its key.
  public init(certificatePath: String, keyPath: String) throws(CenterError) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    current = Mutex(try TLSIdentity.read(certificatePath, keyPath))
  }

  /// Reads the files again. Connections from now on get what is in them; those that are open keep what they have.
  ///
  /// - Throws: as ``init(certificatePath:keyPath:)``; then nothing has changed.
  public func reload() throws(CenterError) {
    let context = try TLSIdentity.read(certificatePath, keyPath)
    current.withLock { $0 = context }
  }

  var context: NIOSSLContext { current.withLock { $0 } }

  private static func read(_ certificatePath: String, _ keyPath: String) throws(CenterError) -> NIOSSLContext {
    do {
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMFile(certificatePath).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem)))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw CenterError(
        .invalid, "Reading the server's certificate",
        remedy: "Give a PEM file with the chain, and one with the private key of its first certificate.")
    }
  }
}
