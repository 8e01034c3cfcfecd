import Foundation
import Glibc
import Testing
import WarifuTesting

/// `warifu center serve`, by whoever runs it: shells, service managers, kills.
@Suite struct CenterServeTests {
  @Test func servesUntilItIsTerminated() throws {
    let bench = try Story.copy()
    let token = String(repeating: "0123456789abcdef", count: 4)
    try bench.write(token + "\n", to: "monitor")
    let server = try ServedCenter(bench, ["--monitor-token", "file:monitor"])
    #expect(server.place.port > 0 && server.place.url == "http://127.0.0.1:\(server.place.port)")
    #expect(try server.status(of: "/health") == "200")
    #expect(try server.status(of: "/ready") == "200")
    #expect(try server.status(of: "/metrics") == "401")
    #expect(try server.status(of: "/metrics", token: token) == "200")
    #expect(try server.status(of: "/v1/audit", token: token) != "500")
    // Verbs go on beside it.
    #expect(try bench.run(["center", "verify"]).status == 0)
    #expect(server.end(by: SIGTERM) == 0)
    let lines = server.log.split(separator: "\n")
    #expect(lines.count >= 4)
    for line in lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(object?["time"] is Int && object?["level"] is String && object?["message"] is String, "\(line)")
    }
    #expect(lines.contains { $0.contains("\"operation\":\"getReadiness\"") && $0.contains("\"request\":\"") })
    #expect(!server.log.contains(token) && !server.log.contains(Story.passphrase))
    #expect(try bench.run(["center", "verify"]).status == 0)
  }

  /// What the programs below know of a server.
  private static let waiting = """
    import os, signal, socket, sys, time
    from urllib.parse import urlsplit

    # Returns when the server has taken all that was sent to it.
    def wait_until_read(line):
        def name(end):
            host, port = end
            return f"{int.from_bytes(socket.inet_aton(host), 'little'):08X}:{port:04X}"
        wanted = [name(line.getpeername()), name(line.getsockname())]
        for _ in range(6000):
            rows = [row.split() for row in open("/proc/net/tcp")]
            queues = [row[4].split(":")[1] for row in rows if row[1:3] == wanted]
            if queues and int(queues[0], 16) == 0:
                break
            time.sleep(0.01)
        else:
            sys.exit("it does not read")
        time.sleep(0.5)  # and has thought about it

    def wait_until_refused(place):
        for _ in range(600):
            try:
                socket.create_connection((place.hostname, place.port), timeout=60).close()
            except ConnectionRefusedError:
                return
            time.sleep(0.1)
        sys.exit("it takes connections still")

    """

  /// Whoever is being served gets the answer; whoever comes later is refused.
  @Test func sigtermDrains() throws {
    let bench = try Story.copy()
    let server = try ServedCenter(bench)
    let answer = try server.python(
      CenterServeTests.waiting + """
        place = urlsplit(sys.argv[1])
        line = socket.create_connection((place.hostname, place.port), timeout=60)
        body = b'{"request": "' + b"00" * 40 + b'"}'
        head = "POST /v1/login/challenges HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\n"
        head += f"Idempotency-Key: {'A' * 32}\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
        line.sendall(head.encode() + body[:20])
        wait_until_read(line)
        os.kill(int(sys.argv[2]), signal.SIGTERM)
        wait_until_refused(place)
        line.sendall(body[20:])
        print(line.recv(4096).split(b" ")[1].decode())
        """, "\(server.place.processID)")
    #expect(["200", "400", "401", "403", "404", "422"].contains(answer.trimmingCharacters(in: .newlines)), "\(answer)")
    #expect(server.end() == 0)
  }

  @Test func controlCEndsWith130AndTwiceAtOnce() throws {
    let bench = try Story.copy()
    #expect(try ServedCenter(bench).end(by: SIGINT) == 130)
    let server = try ServedCenter(bench)
    // A connection that says nothing more holds up the first.
    let start = ContinuousClock.now
    let answer = try server.python(
      CenterServeTests.waiting + """
        place, process = urlsplit(sys.argv[1]), int(sys.argv[2])
        line = socket.create_connection((place.hostname, place.port), timeout=60)
        head = b"POST /v1/login/challenges HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\n"
        line.sendall(head + b"Idempotency-Key: " + b"A" * 32 + b"\\r\\nContent-Length: 9\\r\\n\\r\\n{")
        wait_until_read(line)
        end = time.monotonic() + 18  # the first alone takes 20 seconds
        os.kill(process, signal.SIGTERM)
        wait_until_refused(place)
        os.kill(process, signal.SIGTERM)
        while time.monotonic() < end:
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                break
            if open(f"/proc/{process}/stat").read().rsplit(")")[1].split()[0] == "Z":
                break
            time.sleep(0.1)
        else:
            print("it goes on")
        """, "\(server.place.processID)")
    #expect(answer.isEmpty, "\(answer) after \(ContinuousClock.now - start)")
    #expect(server.end() == 0)
  }

  /// SIGKILL leaves nothing behind that stands in the way of the next one, and nothing is lost.
  @Test func killedItIsServedAgain() throws {
    let bench = try Story.copy()
    for _ in 0..<(ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1" ? 20 : 3) {
      let server = try ServedCenter(bench)
      #expect(try server.status(of: "/ready") == "200")
      #expect(server.end(by: SIGKILL) == 137)
    }
    let server = try ServedCenter(bench)
    #expect(try server.status(of: "/ready") == "200")
    #expect(server.end(by: SIGTERM) == 0)
    #expect(try bench.run(["center", "verify"]).output.contains("are sound"))
  }

  @Test func aFileIsServedOnceAtATime() throws {
    let bench = try Story.copy()
    let server = try ServedCenter(bench)
    let second = try bench.run(["center", "serve", "center", "--port", "0"])
    #expect(second.status == 75 && second.octets.isEmpty)
    #expect(second.complaint.contains("by process \(server.place.processID)"), "\(second.complaint)")
    #expect(try server.status(of: "/ready") == "200")
    #expect(server.end(by: SIGTERM) == 0)
    #expect(try ServedCenter(bench).end(by: SIGTERM) == 0)
  }

  @Test func aPortThatIsTakenIsSaid() throws {
    let bench = try Story.copy()
    let server = try ServedCenter(bench)
    #expect(try bench.launch("/usr/bin/env", ["cp", "-a", "center", "other"]).status == 0)
    let second = try bench.run(["center", "serve", "other", "--port", "\(server.place.port)"])
    #expect(second.status == 75 && second.complaint.contains("somebody listens there"), "\(second.complaint)")
    #expect(second.complaint.split(separator: "\n").count == 1, "\(second.complaint)")
    #expect(server.end(by: SIGTERM) == 0)
  }

  /// A certificate that was renewed is in force after SIGHUP, without an end to anything.
  @Test func sighupReadsTheCertificateAgain() throws {
    let bench = try Story.copy()
    func certify(_ name: String) throws {
      let made = try bench.launch(
        "/usr/bin/env",
        [
          "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
          "9",
          "-keyout", "\(name).key", "-out", "\(name).pem", "-subj", "/CN=\(name)", "-addext",
          "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ])
      try #require(made.status == 0, "\(made.complaint)")
    }
    for name in ["old", "new"] { try certify(name) }
    func install(_ name: String) throws {
      for end in ["key", "pem"] {
        try bench.octets(of: "\(name).\(end)").write(to: URL(fileURLWithPath: bench.path("tls.\(end)")))
      }
    }
    try install("old")
    let (listener, socket) = try NotifyListener.open()
    defer { unlink(socket) }
    let server = try ServedCenter(
      bench, ["--tls-certificate", "tls.pem", "--tls-key", "tls.key"], environment: ["NOTIFY_SOCKET": socket])
    #expect(server.place.url.hasPrefix("https://"))
    #expect(try server.status(of: "/health", authority: bench.path("old.pem")) == "200")
    try install("new")
    server.send(SIGHUP)
    for message in ["READY=1", "RELOADING=1\nMONOTONIC_USEC=", "READY=1"] { try listener.wait(for: message) }
    #expect(try server.status(of: "/health", authority: bench.path("new.pem")) == "200")
    // What is no certificate changes nothing.
    try bench.write("nothing", to: "tls.pem")
    server.send(SIGHUP)
    _ = try server.wait(for: "the refusal") { server.log.contains("certificate kept") ? true : nil }
    #expect(try server.status(of: "/health", authority: bench.path("new.pem")) == "200")
    #expect(server.end(by: SIGTERM) == 0)
  }

  @Test func aServiceManagerIsToldWhatHappens() throws {
    let bench = try Story.copy()
    let (listener, socket) = try NotifyListener.open()
    defer { unlink(socket) }
    try FileManager.default.createDirectory(atPath: bench.path("credentials"), withIntermediateDirectories: false)
    try bench.write(Story.passphrase + "\n", to: "credentials/passphrase")
    let server = try ServedCenter(
      bench,
      environment: [
        "NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "600000", "CREDENTIALS_DIRECTORY": bench.path("credentials"),
      ])
    try listener.wait(for: "READY=1\nSTATUS=Serving at http://127.0.0.1:")
    try listener.wait(for: "WATCHDOG=1")
    try listener.wait(for: "WATCHDOG=1")
    server.send(SIGTERM)
    try listener.wait(for: "STOPPING=1")
    #expect(server.end() == 0)
  }

  @Test func atATerminalTheLogIsForPeople() throws {
    let bench = try Story.copy()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("terminal.py").path
    let request: [String: Any] = [
      "command": [CommandBench.executable, "center", "serve", "center", "--port", "0"],
      "answers": [["Serving at http://127.0.0.1:", "\u{03}"]], "columns": 80,
    ]
    let json = String(decoding: try JSONSerialization.data(withJSONObject: request), as: UTF8.self)
    let outcome = try bench.launch("/usr/bin/env", ["python3", "-B", script, json])
    let screen = try #require(try JSONSerialization.jsonObject(with: outcome.octets) as? [String: Any])
    #expect(screen["status"] as? Int == 130, "\(screen)")
    let text = screen["screen"] as? String ?? ""
    #expect(text.contains(" info stopping") && !text.contains("{\""), "\(text)")
  }

  @Test func mistakesAreToldBeforeAnythingIsServed() throws {
    let bench = try Story.copy()
    try bench.write("short\n", to: "short")
    try bench.write("nothing", to: "nothing.pem")
    try bench.expect([
      Mistake(69, "no centre at missing", "center", "serve", "missing"),
      Mistake(64, "two centres", "center", "serve", "missing", "--center", "center"),
      Mistake(64, "--behind-tls", "center", "serve", "center", "--host", "0.0.0.0"),
      Mistake(64, "'everybody' is no network", "center", "serve", "center", "--trusted-proxy", "everybody"),
      Mistake(64, "10.0.0.0/8", "center", "serve", "center", "--trusted-proxy", "10.0.0.1/8"),
      Mistake(64, "'70000' is invalid", "center", "serve", "center", "--port", "70000"),
      Mistake(64, "--tls-key", "center", "serve", "center", "--tls-certificate", "nothing.pem"),
      Mistake(66, "missing", "center", "serve", "center", "--tls-certificate", "missing", "--tls-key", "missing"),
      Mistake(
        65, "PEM file", "center", "serve", "center", "--tls-certificate", "nothing.pem", "--tls-key", "nothing.pem"),
      Mistake(65, "can be guessed", "center", "serve", "center", "--monitor-token", "file:short"),
      Mistake(64, "source of the monitor's token", "center", "serve", "center", "--monitor-token", "secret"),
      Mistake(64, "'debug', 'info'", "center", "serve", "center", "--log-level", "loud"),
    ])
    // These come as far as taking the lock, whose file stays.
    let wrong = try bench.run(["center", "serve", "center", "--passphrase", "file:text", "--port", "0"])
    #expect(wrong.status == 77 && wrong.complaint.contains("passphrase is wrong"), "\(wrong.complaint)")
    for host in ["203.0.113.5", "no-such-host.invalid"] {
      let outcome = try bench.run(["center", "serve", "center", "--host", host, "--behind-tls", "--port", "0"])
      #expect(outcome.status == 66 && outcome.complaint.contains("no such address"), "\(outcome.complaint)")
      #expect(outcome.complaint.split(separator: "\n").count == 1, "\(outcome.complaint)")
    }
  }
}

/// What a service manager listens with: systemd's notification socket.
private final class NotifyListener {
  private let descriptor: Int32
  private var messages: [String] = []

  /// One at a path of its own. Its name is short: addresses of sockets have 107 octets.
  static func open() throws -> (NotifyListener, path: String) {
    let path = "/tmp/w\(getpid())-\(UInt32.random(in: 0...UInt32.max)).notify"
    return (try NotifyListener(path), path)
  }

  private init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(descriptor >= 0 && bound == 0, "\(String(cString: strerror(errno)))")
    var time = timeval(tv_sec: 120, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// Receives until a message begins like this.
  func wait(for beginning: String) throws {
    while true {
      var octets = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &octets, octets.count, 0)
      try #require(count > 0, "\(beginning) did not come, but \(messages)")
      let message = String(decoding: octets[..<count], as: UTF8.self)
      messages.append(message)
      if message.hasPrefix(beginning) { return }
    }
  }
}
