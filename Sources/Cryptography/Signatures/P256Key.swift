import COpenSSL
import SecureChannel

/// Owns one `EVP_PKEY` on P-256.
struct P256Key: ~Copyable {
  let pointer: OpaquePointer

  /// The key that only verifies: 04 ‖ x ‖ y.
  ///
  /// - Throws: ``CryptoError/badKey`` unless these are 65 octets of a point on the curve.
  init(publicKey: UnsafeRawBufferPointer) throws(CryptoError) {
    guard publicKey.count == P256.publicKeyOctets, publicKey[0] == 0x04 else { throw .badKey }
    pointer = try P256Key.make(warifu_public_key, [.text("group", "P-256"), .octets("pub", publicKey)])
  }

  /// The key that signs; `publicKey` (65 octets) lets certificates name it and may be left out otherwise.
  ///
  /// - Throws: ``CryptoError/badKey`` unless `scalar` is in 1..<n.
  init(scalar: UnsafeRawBufferPointer, publicKey: UnsafeRawBufferPointer? = nil) throws(CryptoError) {
    guard P256.isScalar(scalar) else { throw .badKey }
    var reversed = Block32(repeating: 0)
    for index in 0..<P256.scalarOctets { reversed[index] = scalar[P256.scalarOctets - 1 - index] }
    var made: OpaquePointer?
    try withMutableBytes(&reversed) { (start) throws(CryptoError) in
      let littleEndian = UnsafeMutableRawBufferPointer(start: start, count: P256.scalarOctets)
      defer { SecureMemory.wipe(littleEndian) }
      var parameters: [OSSL_PARAM] = [.text("group", "P-256"), .integer("priv", littleEndian: littleEndian)]
      if let publicKey { parameters.append(.octets("pub", publicKey)) }
      made = try P256Key.make(warifu_keypair, parameters)
    }
    guard let made else { throw .failed }
    pointer = made
  }

  deinit {
    EVP_PKEY_free(pointer)
  }

  /// ECDSA over a SHA-256 `digest` (32 octets); writes r ‖ s, 64 octets.
  func sign(_ digest: UnsafeRawBufferPointer, into signature: UnsafeMutablePointer<UInt8>) throws(CryptoError) {
    guard digest.count == 32 else { throw .badLength }
    let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil)
    defer { EVP_PKEY_CTX_free(context) }
    try OpenSSL.check(EVP_PKEY_sign_init(context))
    try withMutableBytes(ofNew: InlineArray<72, UInt8>.self) { (encoded) throws(CryptoError) in
      var length = P256.signatureOctetsDER
      let input = digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
      try OpenSSL.check(EVP_PKEY_sign(context, encoded, &length, input, digest.count))
      try P256Key.decode(UnsafeRawBufferPointer(start: encoded, count: length), into: signature)
    }
  }

  /// Checks r ‖ s over a SHA-256 `digest` (32 octets).
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is not good.
  func verify(_ digest: UnsafeRawBufferPointer, _ signature: UnsafeRawBufferPointer) throws(CryptoError) {
    guard digest.count == 32 else { throw .badLength }
    guard signature.count == P256.signatureOctets else { throw .notAuthentic }
    let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil)
    defer { EVP_PKEY_CTX_free(context) }
    try OpenSSL.check(EVP_PKEY_verify_init(context))
    try withMutableBytes(ofNew: InlineArray<72, UInt8>.self) { (encoded) throws(CryptoError) in
      let length = try P256Key.encode(signature, into: encoded)
      let input = digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
      try OpenSSL.check(EVP_PKEY_verify(context, encoded, length, input, digest.count), else: .notAuthentic)
    }
  }

  /// Whether any `EVP_PKEY` is a key on this curve.
  static func isP256(_ key: OpaquePointer) -> Bool {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { name in
      var length = 0
      guard EVP_PKEY_get_group_name(key, name.baseAddress, name.count, &length) == 1, let start = name.baseAddress
      else {
        ERR_clear_error()
        return false
      }
      return OBJ_txt2nid(start) == NID_X9_62_prime256v1
    }
  }

  private static func make(_ selection: Int32, _ parameters: [OSSL_PARAM]) throws(CryptoError) -> OpaquePointer {
    let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
    defer { EVP_PKEY_CTX_free(context) }
    try OpenSSL.check(EVP_PKEY_fromdata_init(context))
    var key: OpaquePointer?
    let result = withParameters(parameters) { EVP_PKEY_fromdata(context, &key, selection, $0) }
    try OpenSSL.check(result, else: .badKey)
    guard let key else { throw .failed }
    return key
  }

  /// DER SEQUENCE { r, s } → r ‖ s.
  private static func decode(
    _ encoded: UnsafeRawBufferPointer, into signature: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    var cursor = encoded.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard let pair = d2i_ECDSA_SIG(nil, &cursor, encoded.count) else { throw OpenSSL.failure() }
    defer { ECDSA_SIG_free(pair) }
    let half = Int32(P256.scalarOctets)
    guard BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, half) == half,
      BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + P256.scalarOctets, half) == half
    else { throw OpenSSL.failure() }
  }

  /// r ‖ s → DER SEQUENCE { r, s }; answers its length.
  private static func encode(
    _ signature: UnsafeRawBufferPointer, into encoded: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) -> Int {
    let halves = signature.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let half = Int32(P256.scalarOctets)
    guard let halves, let pair = ECDSA_SIG_new() else { throw OpenSSL.failure() }
    defer { ECDSA_SIG_free(pair) }
    let r = BN_bin2bn(halves, half, nil)
    let s = BN_bin2bn(halves + P256.scalarOctets, half, nil)
    guard r != nil, s != nil, ECDSA_SIG_set0(pair, r, s) == 1 else {
      BN_free(r)
      BN_free(s)
      throw OpenSSL.failure()
    }
    var cursor: UnsafeMutablePointer<UInt8>? = encoded
    let length = i2d_ECDSA_SIG(pair, &cursor)
    guard length > 0, length <= P256.signatureOctetsDER else { throw OpenSSL.failure() }
    return Int(length)
  }
}
