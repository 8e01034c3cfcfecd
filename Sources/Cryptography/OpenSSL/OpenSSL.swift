import COpenSSL
import SecureChannel

/// What OpenSSL's return codes mean here.
enum OpenSSL {
  /// Throws unless `result` is 1, OpenSSL's "done".
  @inline(__always)
  static func check(_ result: Int32, else error: CryptoError = .failed) throws(CryptoError) {
    guard result == 1 else { throw failure(error) }
  }

  /// `error`, with OpenSSL's own queue of this thread emptied: nobody else is to find our failures there, and ours say
  /// no more than `error` does.
  static func failure(_ error: CryptoError = .failed) -> CryptoError {
    ERR_clear_error()
    return error
  }
}
