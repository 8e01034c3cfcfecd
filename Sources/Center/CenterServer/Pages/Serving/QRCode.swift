import CQREncode

/// A text as a QR code (ISO/IEC 18004), drawn as one path of SVG.
struct QRCode: Sendable {
  /// Modules on a side, the quiet zone of 4 on each side included.
  let side: Int
  /// The dark modules: the `d` of a path.
  let path: String

  /// `nil` for a text that no code holds.
  init?(_ text: String) {
    guard let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { return nil }
    defer { QRcode_free(code) }
    let (width, margin) = (Int(code.pointee.width), 4)
    let modules = UnsafeBufferPointer(start: code.pointee.data, count: width * width)
    var path = ""
    var index = 0
    while index < modules.count {
      // A run of dark modules in one row is one rectangle.
      let start = index
      while index < modules.count, modules[index] & 1 == 1, index / width == start / width { index += 1 }
      if index > start {
        path += "M\(start % width + margin) \(start / width + margin)h\(index - start)v1h-\(index - start)z"
      } else {
        index += 1
      }
    }
    self.path = path
    side = width + 2 * margin
  }
}
