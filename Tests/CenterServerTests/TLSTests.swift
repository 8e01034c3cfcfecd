import CenterServer
import Foundation
import Testing

@testable import LicenseCenter

@Suite struct TLSTests {
  private func makeCertificate(_ folder: URL, _ name: String) async throws {
    _ = try await Program.run([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
      "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout",
      folder.appending(path: "key.pem").path, "-out", folder.appending(path: "certificate.pem").path,
    ])
  }

  private func client(_ port: Int, _ words: [String] = [], input: String = "") async throws -> String {
    try await Program.run(
      ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-ign_eof", "-alpn", "h2,http/1.1"] + words, input: input
    ).output
  }

  @Test func servesOverTLSAndTakesANewCertificateWithoutAPause() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await makeCertificate(folder, "first.example")
    let identity = try TLSIdentity(
      certificatePath: folder.appending(path: "certificate.pem").path, keyPath: folder.appending(path: "key.pem").path)
    var options = ServingOptions.patient
    options.identity = identity
    let request = ClientRequest(target: "/health", headers: ["Connection": "close"]).text
    try await TestServer.run(options) { server in
      let first = try await client(server.port, input: request)
      #expect(first.contains("CN = first.example") && first.contains("ALPN protocol: http/1.1"))
      #expect(first.contains("HTTP/1.1 200 OK") && first.contains(#"{"status":"ok"}"#))
      let broken = try await client(server.port, input: "nonsense\r\n\r\n")
      #expect(broken.contains("HTTP/1.1 400") && broken.contains("urn:warifu:problem:malformed"))
      try await makeCertificate(folder, "second.example")
      try identity.reload()
      #expect(try await client(server.port, input: request).contains("CN = second.example"))
      // A file that is no certificate changes nothing.
      try Data("nothing".utf8).write(to: folder.appending(path: "certificate.pem"))
      #expect(throws: CenterError.self) { try identity.reload() }
      #expect(try await client(server.port, input: request).contains("CN = second.example"))
      #expect(!(try await client(server.port, ["-tls1_1"], input: request).contains("HTTP/1.1")))
      // Plain HTTP to this port is not served.
      let plain = try await converse(with: server.port) { connection in
        connection.send(request)
        return (try? connection.answer())?.status
      }
      #expect(plain == nil)
    }
    options.limits.headerTime = .seconds(2)
    try await TestServer.run(options) { server in
      let isSilentClosed = try await converse(with: server.port) { $0.isClosed(patience: 8) }
      #expect(isSilentClosed)
    }
  }

  /// RFC 6797: whoever came over TLS once comes over nothing else for a year; over plain HTTP nobody says so.
  @Test func browsersAreToldToComeOverTLSOnly() async throws {
    let field = "strict-transport-security"
    let targets = ["/health", "/v1/titles/none", "/redeem", "/style.css", "/nowhere", "/counter"]
    let folder = FileManager.default.temporaryDirectory.appending(path: "warifu-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await makeCertificate(folder, "first.example")
    var (direct, proxied) = (ServingOptions.patient, ServingOptions.patient)
    direct.identity = try TLSIdentity(
      certificatePath: folder.appending(path: "certificate.pem").path, keyPath: folder.appending(path: "key.pem").path)
    proxied.isBehindTLS = true
    try await TestServer.run(direct) { server in
      for target in targets {
        let request = ClientRequest(target: target, headers: ["Connection": "close"]).text
        let answer = try await client(server.port, input: request).lowercased()
        #expect(answer.contains("\r\n\(field): max-age=31536000\r\n"), "\(target): \(answer)")
      }
    }
    try await TestServer.run(proxied) { server in
      for target in targets {
        let answer = try await server.get(target)
        #expect(answer.headers[field] == "max-age=31536000", "\(target)")
      }
      #expect(try await server.get("/redeem").headers["set-cookie"]?.hasSuffix("; Secure") == true)
    }
    try await TestServer.run { server in
      for target in targets {
        let answer = try await server.get(target)
        #expect(answer.headers[field] == nil, "\(target)")
      }
      #expect(try await server.get("/redeem").headers["set-cookie"]?.contains("Secure") == false)
    }
  }

  @Test func plainHTTPStaysOnThisMachine() async throws {
    var options = ServingOptions.patient
    options.host = "0.0.0.0"
    await #expect(throws: CenterError.self) { try await TestServer.run(options) { _ in } }
  }
}
