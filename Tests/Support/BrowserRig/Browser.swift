import AsyncHTTPClient
import Foundation
import NIOCore

/// A real Chromium with a profile of its own, spoken to by its driver (W3C WebDriver). Both end with ``run(_:_:)``, by their
/// process ids.
public struct Browser: Sendable {
  /// What kind of browser it is.
  public struct Options: Sendable {
    /// Whether pages may run scripts. The driver's own still run.
    public var runsScripts = true
    /// Inner width and height of its window, in pixels of CSS.
    public var width = 1100, height = 900
    /// Device pixels for each pixel of CSS: 2 is what zooming to 200 % makes of a window of half the size.
    public var scale = 1.0
    /// Whether its owner likes it dark.
    public var isDark = false

    /// A window with scripts, light.
    public init() {}
  }

  /// Why the browser did not do what it was told.
  public struct Failure: Error, CustomStringConvertible {
    /// What the driver said.
    public var description: String

    /// Why.
    public init(description: String) { self.description = description }
  }

  let driver: Driver
  let session: String
  /// Where downloads go.
  public let downloads: URL

  /// Runs a browser while `body` does.
  public static func run<R: Sendable>(
    _ options: Options = Options(), _ body: (Browser) async throws -> R
  ) async throws -> R {
    // Chromium puts a socket below it, whose path may have 107 octets.
    let name = String(UInt32.random(in: 0 ... .max), radix: 36)
    let folder = FileManager.default.temporaryDirectory.appending(path: "wb-\(name)")
    let downloads = folder.appending(path: "downloads")
    try FileManager.default.createDirectory(at: downloads, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let driver = try await Driver.start(in: folder)
    do {
      let browser = try await Browser(driver, options, folder, downloads)
      let result = try await body(browser)
      _ = try? await driver.send("DELETE", "/session/\(browser.session)")
      await driver.stop()
      return result
    } catch {
      await driver.stop()
      throw error
    }
  }

  private init(_ driver: Driver, _ options: Options, _ folder: URL, _ downloads: URL) async throws {
    var arguments = [
      "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
      // A page that was left is gone, and whatever belonged to it.
      "--disable-features=BackForwardCache",
      "--user-data-dir=\(folder.appending(path: "profile").path)",
      "--window-size=\(options.width),\(options.height)", "--force-device-scale-factor=\(options.scale)",
    ]
    // Chromium's sandbox does not work for root.
    if geteuid() == 0 { arguments.append("--no-sandbox") }
    let preferences: [String: Any] = [
      "download.default_directory": downloads.path, "download.prompt_for_download": false,
      "profile.default_content_setting_values.javascript": options.runsScripts ? 1 : 2,
    ]
    let capabilities: [String: Any] = [
      "acceptInsecureCerts": true, "browserName": "chrome",
      "goog:chromeOptions": ["binary": "/usr/bin/chromium", "args": arguments, "prefs": preferences],
    ]
    let answer = try await driver.send("POST", "/session", ["capabilities": ["alwaysMatch": capabilities]])
    guard let answer = answer as? [String: Any], let session = answer["sessionId"] as? String else {
      throw Failure(description: "no session: \(String(describing: answer))")
    }
    self.driver = driver
    self.session = session
    self.downloads = downloads
    try await develop(
      "Emulation.setDeviceMetricsOverride",
      [
        "width": options.width, "height": options.height, "deviceScaleFactor": options.scale, "mobile": false,
      ])
    try await setDark(options.isDark)
  }

  // MARK: Commands

  @discardableResult
  func command(_ method: String, _ path: String, _ body: [String: Any]? = nil) async throws -> Any? {
    try await driver.send(method, "/session/\(session)\(path)", method == "POST" ? body ?? [:] : nil)
  }

  private func develop(_ name: String, _ parameters: [String: Any]) async throws {
    try await command("POST", "/goog/cdp/execute", ["cmd": name, "params": parameters])
  }

  /// Opens an address.
  public func open(_ address: String) async throws { try await command("POST", "/url", ["url": address]) }

  /// The address that is shown.
  public func address() async throws -> String { try await command("GET", "/url") as? String ?? "" }

  /// The title of the page.
  public func title() async throws -> String { try await command("GET", "/title") as? String ?? "" }

  /// The page's source.
  public func source() async throws -> String { try await command("GET", "/source") as? String ?? "" }

  /// Shows pages dark or light, as the reader's system would.
  public func setDark(_ isDark: Bool) async throws {
    try await develop(
      "Emulation.setEmulatedMedia",
      ["features": [["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]]])
  }

  /// Back in the history.
  public func back() async throws { try await command("POST", "/back") }

  /// Loads the page again.
  public func reload() async throws { try await command("POST", "/refresh") }

  /// Forgets all cookies.
  public func forgetCookies() async throws { try await command("DELETE", "/cookie") }

  /// The cookies that the page sees, by name.
  public func cookies() async throws -> [String: String] {
    let all = try await command("GET", "/cookie") as? [[String: Any]] ?? []
    return Dictionary(
      all.compactMap { cookie in
        guard let name = cookie["name"] as? String, let value = cookie["value"] as? String else { return nil }
        return (name, value)
      }, uniquingKeysWith: { first, _ in first })
  }

  /// Text of what a selector finds first.
  public func text(_ selector: String) async throws -> String {
    try await command("GET", "/element/\(try await element(selector))/text") as? String ?? ""
  }

  /// Whether a selector finds anything.
  public func has(_ selector: String) async throws -> Bool {
    let found = try await command("POST", "/elements", ["using": "css selector", "value": selector]) as? [Any]
    return !(found ?? []).isEmpty
  }

  /// A property of an element.
  public func property(_ name: String, of selector: String) async throws -> String {
    let value = try await command("GET", "/element/\(try await element(selector))/property/\(name)")
    return value.map { "\($0)" } ?? ""
  }

  /// Clicks.
  public func click(_ selector: String) async throws {
    try await command("POST", "/element/\(try await element(selector))/click")
  }

  /// Clicks what leads to another page, and waits until that is there.
  public func follow(_ selector: String) async throws {
    let before = try await document()
    try await click(selector)
    for _ in 0..<600 {
      // While one page gives way to the next, the driver knows none.
      if let now = try? await document(), now != before, (try? await has("footer")) == true { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failure(description: "\(selector) led nowhere")
  }

  /// What tells one loading of a page from the next: when it began.
  private func document() async throws -> String {
    try await script("return String(performance.timeOrigin)") as? String ?? ""
  }

  /// Types into a field that is emptied first.
  public func fill(_ selector: String, _ text: String) async throws {
    let element = try await element(selector)
    try await command("POST", "/element/\(element)/clear")
    try await command("POST", "/element/\(element)/value", ["text": text])
  }

  /// Chooses an option by its value.
  public func choose(_ selector: String, _ value: String) async throws {
    try await click("\(selector) option[value=\"\(value)\"]")
  }

  /// Presses keys one after another, wherever the focus is: the letters of `keys`, with ``Key`` among them.
  public func press(_ keys: String) async throws {
    let actions = keys.flatMap { key in
      [["type": "keyDown", "value": String(key)], ["type": "keyUp", "value": String(key)]]
    }
    try await command("POST", "/actions", ["actions": [["type": "key", "id": "keyboard", "actions": actions]]])
  }

  /// What has the focus, as a short selector: its tag and id or href.
  public func focus() async throws -> String {
    try await script(
      """
      const e = document.activeElement;
      return e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.getAttribute('href') || '');
      """) as? String ?? ""
  }

  /// Runs a script of the test's.
  public func script(_ text: String, _ arguments: [String] = []) async throws -> Any? {
    try await command("POST", "/execute/sync", ["script": text, "args": arguments])
  }

  /// A picture of the window, PNG.
  public func screenshot() async throws -> [UInt8] { try octets(try await command("GET", "/screenshot")) }

  /// The page as it is printed, PDF.
  public func print() async throws -> [UInt8] {
    // Without a size of its own, the page's is A4 by its @page rule.
    try octets(
      try await command("POST", "/print", ["page": ["width": 21.0, "height": 29.7], "shrinkToFit": false]))
  }

  private func octets(_ value: Any?) throws -> [UInt8] {
    guard let text = value as? String, let data = Data(base64Encoded: text) else {
      throw Failure(description: "no octets")
    }
    return Array(data)
  }

  private func element(_ selector: String) async throws -> String {
    let answer = try await command("POST", "/element", ["using": "css selector", "value": selector])
    guard let element = (answer as? [String: Any])?.values.first as? String else {
      throw Failure(description: "nothing is \(selector)")
    }
    return element
  }
}

/// Keys that are no letters (WebDriver §17.4.2).
public enum Key {
  /// To the next element.
  public static let tab = "\u{E004}"
  /// Sends a form, follows a link.
  public static let enter = "\u{E007}"
}
