import COpenSSL
import SecureChannel

/// The curve P-256 (SP 800-186, 3.2.1.3; SEC 2 secp256r1) as numbers and octets.
enum P256 {
  static let scalarOctets = 32
  static let publicKeyOctets = 65
  static let signatureOctets = 64
  /// The most octets of a signature as OpenSSL writes it: a DER SEQUENCE of two INTEGERs.
  static let signatureOctetsDER = 72

  /// The curve; immutable, so shared by all threads.
  nonisolated(unsafe) private static let group: OpaquePointer = {
    guard let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1) else { fatalError("OpenSSL has no P-256") }
    return group
  }()

  /// The order n of the base point, big-endian.
  private static let order: [UInt8] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
  ]

  /// Whether `octets` are a private key: a number in 1..<n. Takes the same time for all numbers.
  static func isScalar(_ octets: UnsafeRawBufferPointer) -> Bool {
    guard octets.count == scalarOctets else { return false }
    var borrow = 0
    var all: UInt8 = 0
    for index in (0..<scalarOctets).reversed() {
      borrow = (Int(octets[index]) - Int(order[index]) - borrow) >> 8 & 1
      all |= octets[index]
    }
    return borrow == 1 && all != 0
  }

  /// Draws a private key (FIPS 186-5, A.2.2: rejection sampling), so that the same random octets give the same key.
  static func generateScalar(into scalar: UnsafeMutableRawBufferPointer, from random: any RandomSource) {
    repeat { random.fill(scalar) } while !isScalar(UnsafeRawBufferPointer(scalar))
  }

  /// Writes the public key of a private one: 04 ‖ x ‖ y.
  ///
  /// - Throws: ``CryptoError/badKey`` unless `scalar` is in 1..<n.
  static func publicKey(
    of scalar: UnsafeRawBufferPointer, into publicKey: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    guard isScalar(scalar) else { throw .badKey }
    let number = BN_secure_new()
    let point = EC_POINT_new(group)
    defer {
      BN_clear_free(number)
      EC_POINT_free(point)
    }
    guard BN_bin2bn(scalar.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(scalar.count), number) != nil else {
      throw OpenSSL.failure()
    }
    BN_set_flags(number, BN_FLG_CONSTTIME)
    try OpenSSL.check(EC_POINT_mul(group, point, number, nil, nil, nil))
    let length = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, publicKey, publicKeyOctets, nil)
    guard length == publicKeyOctets else { throw OpenSSL.failure() }
  }
}
