import COpenSSL

/// The named values that OpenSSL 3 passes options in. Names are those of `openssl/core_names.h`.
///
/// A parameter points at its value and does not keep it: values outlive the call that the parameter goes into.
extension OSSL_PARAM {
  /// A text.
  static func text(_ name: StaticString, _ value: StaticString) -> OSSL_PARAM {
    value.withUTF8Buffer { buffer in
      OSSL_PARAM_construct_utf8_string(
        name.cString, UnsafeMutableRawPointer(mutating: buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
        buffer.count)
    }
  }

  /// Octets as they stand.
  static func octets(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> OSSL_PARAM {
    OSSL_PARAM_construct_octet_string(name.cString, UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
  }

  /// An unsigned integer, least octet first (this machine's order).
  static func integer(_ name: StaticString, littleEndian bytes: UnsafeMutableRawBufferPointer) -> OSSL_PARAM {
    OSSL_PARAM_construct_BN(name.cString, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  /// A number.
  static func number(_ name: StaticString, _ value: UnsafeMutablePointer<UInt64>) -> OSSL_PARAM {
    OSSL_PARAM_construct_uint64(name.cString, value)
  }

  /// A number that is an `int` to OpenSSL.
  static func int(_ name: StaticString, _ value: UnsafeMutablePointer<Int32>) -> OSSL_PARAM {
    OSSL_PARAM_construct_int(name.cString, value)
  }
}

/// Lends `parameters` with the end mark that OpenSSL looks for.
func withParameters<R>(_ parameters: [OSSL_PARAM], _ body: (UnsafeMutablePointer<OSSL_PARAM>) -> R) -> R {
  var terminated = parameters + [OSSL_PARAM_construct_end()]
  return terminated.withUnsafeMutableBufferPointer { buffer in
    guard let start = buffer.baseAddress else { fatalError("an array with an element has an address") }
    return body(start)
  }
}

extension StaticString {
  /// The literal as C sees it; it lives as long as the program.
  fileprivate var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
