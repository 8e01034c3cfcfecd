import COpenSSL
import SecureChannel

/// Owns one OpenSSL `X509`.
struct X509Certificate: ~Copyable {
  let pointer: OpaquePointer

  /// An empty certificate.
  init() throws(CertificateError) {
    guard let pointer = X509_new() else { throw X509Certificate.failure() }
    self.pointer = pointer
  }

  /// Reads `der`, which holds nothing else.
  init(der: [UInt8]) throws(CertificateError) {
    let read = withBytes(der) { bytes -> OpaquePointer? in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      var cursor = start
      guard let start, let read = d2i_X509(nil, &cursor, bytes.count) else { return nil }
      guard cursor == start + bytes.count else {
        X509_free(read)
        return nil
      }
      return read
    }
    guard let read else { throw X509Certificate.failure(.malformed) }
    pointer = read
  }

  deinit {
    X509_free(pointer)
  }

  static func failure(_ error: CertificateError = .failed) -> CertificateError {
    ERR_clear_error()
    return error
  }

  static func check(_ result: Int32, else error: CertificateError = .failed) throws(CertificateError) {
    guard result == 1 else { throw failure(error) }
  }
}

/// What the fields say.
extension X509Certificate {
  func subjectCommonName() throws(CertificateError) -> String {
    try X509Certificate.commonName(X509_get_subject_name(pointer))
  }

  func issuerCommonName() throws(CertificateError) -> String {
    try X509Certificate.commonName(X509_get_issuer_name(pointer))
  }

  func serial() throws(CertificateError) -> Certificate.Serial {
    guard let integer = X509_get0_serialNumber(pointer), let number = ASN1_INTEGER_to_BN(integer, nil) else {
      throw X509Certificate.failure(.malformed)
    }
    defer { BN_free(number) }
    var octets = [UInt8](repeating: 0, count: 20)
    let isWhole = octets.withUnsafeMutableBufferPointer { BN_bn2binpad(number, $0.baseAddress, 20) == 20 }
    guard isWhole, BN_is_negative(number) == 0, let serial = Certificate.Serial(octets: octets) else {
      throw X509Certificate.failure(.malformed)
    }
    return serial
  }

  func validity() throws(CertificateError) -> ClosedRange<UInt64> {
    let first = try X509Certificate.seconds(X509_get0_notBefore(pointer))
    let last = try X509Certificate.seconds(X509_get0_notAfter(pointer))
    guard first <= last else { throw .malformed }
    return first...last
  }

  func publicKey() throws(CertificateError) -> VerificationKey {
    guard let key = X509_get0_pubkey(pointer), P256Key.isP256(key) else { throw X509Certificate.failure(.malformed) }
    var encoded: UnsafeMutablePointer<UInt8>?
    let length = EVP_PKEY_get1_encoded_public_key(key, &encoded)
    guard let encoded else { throw X509Certificate.failure(.malformed) }
    defer { CRYPTO_free(encoded, #fileID, #line) }
    let octets = [UInt8](UnsafeBufferPointer(start: encoded, count: length))
    do { return try VerificationKey(octets: octets) } catch { throw .malformed }
  }

  /// Whether it is of version 3 and its extensions could be read.
  var isWellFormed: Bool {
    X509_get_version(pointer) == 2 && X509_get_extension_flags(pointer) & UInt32(EXFLAG_INVALID) == 0
  }

  var isAuthority: Bool { X509_get_extension_flags(pointer) & UInt32(EXFLAG_CA) != 0 }

  var usage: KeyUsage {
    // OpenSSL keeps the octets of the BIT STRING, whose first bit is the highest.
    let bits = X509_get_key_usage(pointer)
    guard bits != UInt32.max else { return [] }
    var usage: KeyUsage = []
    for bit in 0..<UInt16(8) where bits & (0x80 >> UInt32(bit)) != 0 { usage.insert(KeyUsage(rawValue: 1 << bit)) }
    return usage
  }

  private static func commonName(_ name: OpaquePointer?) throws(CertificateError) -> String {
    let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
    guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { throw failure(.malformed) }
    var text: UnsafeMutablePointer<UInt8>?
    let length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
    guard length >= 0, let text else { throw failure(.malformed) }
    defer { CRYPTO_free(text, #fileID, #line) }
    return String(decoding: UnsafeBufferPointer(start: text, count: Int(length)), as: UTF8.self)
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) throws(CertificateError) -> UInt64 {
    guard let epoch = ASN1_TIME_set(nil, 0) else { throw failure() }
    defer { ASN1_TIME_free(epoch) }
    var (days, rest): (Int32, Int32) = (0, 0)
    try check(ASN1_TIME_diff(&days, &rest, epoch, time), else: .malformed)
    guard let seconds = UInt64(exactly: Int64(days) * 86_400 + Int64(rest)) else { throw .malformed }
    return seconds
  }
}

/// Whether to believe them.
extension X509Certificate {
  /// Checks signature, names and extensions. Times are left to the caller: OpenSSL takes the last second for too late,
  /// where RFC 5280, 4.1.2.5, has it included.
  func verify(chainTo root: borrowing X509Certificate) throws(CertificateError) {
    let store = X509_STORE_new()
    let context = X509_STORE_CTX_new()
    defer {
      X509_STORE_CTX_free(context)
      X509_STORE_free(store)
    }
    try X509Certificate.check(X509_STORE_add_cert(store, root.pointer))
    try X509Certificate.check(X509_STORE_CTX_init(context, store, pointer, nil))
    X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_X509_STRICT) | UInt(X509_V_FLAG_NO_CHECK_TIME))
    try X509Certificate.check(X509_verify_cert(context), else: .notAuthentic)
  }
}
