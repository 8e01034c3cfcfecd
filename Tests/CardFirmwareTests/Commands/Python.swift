import Foundation
import Octets
import Testing

/// Whether a P-256 signature is good in the eyes of Python's `cryptography`.
///
/// - Parameters:
///   - publicKey: 65 octets.
///   - signature: r ‖ s, 64 octets.
///   - digest: SHA-256 of what was signed.
func pythonVerifies(publicKey: [UInt8], signature: [UInt8], digest: [UInt8]) throws -> Bool {
  let script = """
    import sys
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    key, signature, digest = (bytes.fromhex(text) for text in sys.argv[1:])
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    try:
        public.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        print("good")
    except InvalidSignature:
        print("bad")
    """
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", "-c", script] + [publicKey, signature, digest].map { Hex.encode($0) }
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let answer = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "python3 needs the PyPI package cryptography")
  return String(decoding: answer, as: UTF8.self) == "good\n"
}
