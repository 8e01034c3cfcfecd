"""A machine's side of challenge access, from docs/challenge-access.md and nothing of ours.

Two calls, each a JSON object of hexadecimal strings on standard input and output:
{"key", "client", "role", "nonce"} → {"request", "publicKey"}, and with "challenge", "serverKey" and "configuration" (values with
a zero octet between) → {"session", "answer", "time"}.
"""

import json
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ECDSA = ec.ECDSA(hashes.SHA256())


def field(tag: int, value: bytes) -> bytes:
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def record(kind: int, *fields: tuple[int, bytes]) -> bytes:
    return b"WR" + bytes([kind, 1]) + b"".join(field(*each) for each in fields)


def fields(kind: int, octets: bytes) -> list[tuple[int, bytes]]:
    assert octets[:4] == b"WR" + bytes([kind, 1]), octets[:4].hex()
    found, rest = [], octets[4:]
    while rest:
        end = 3 + int.from_bytes(rest[1:3], "big")
        assert len(rest) >= end
        found.append((rest[0], rest[3:end]))
        rest = rest[end:]
    return found


def expect(kind: int, tags: list[int], octets: bytes) -> list[bytes]:
    found = fields(kind, octets)
    assert [tag for tag, _ in found] == tags, found
    return [value for _, value in found]


def sign(key: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(octets, ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(point: bytes, octets: bytes, signature: bytes) -> None:
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    public.verify(utils.encode_dss_signature(r, s), octets, ECDSA)


def main() -> None:
    given = {name: bytes.fromhex(text) for name, text in json.load(sys.stdin).items()}
    key = ec.derive_private_key(int.from_bytes(given["key"], "big"), ec.SECP256R1())
    request = record(0x10, (0x40, given["client"]), (0x41, given["role"]), (0x05, b""), (0x42, given["nonce"]))
    if "challenge" not in given:
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        told = {"request": request, "publicKey": point}
    else:
        message, signature, proof = expect(0x12, [0x4A, 0x0D, 0x4B], given["challenge"])
        verify(given["serverKey"], message, signature)
        assert proof == b""
        center, session, offset, component, asked, answered = expect(
            0x11, [0x02, 0x43, 0x44, 0x45, 0x46, 0x49], message
        )
        assert answered == request and len(center) == 16 and len(component) == 40 and offset[0] <= 32
        time = component[offset[0] : offset[0] + 8]
        values = {tag: value for tag, value in enumerate(given["configuration"].split(b"\0"), start=1)}
        configuration = record(0x15, *(each for item in asked for each in ((0x47, bytes([item])), (0x48, values[item]))))
        response = record(0x13, (0x4A, message), (0x0D, signature), (0x4C, configuration))
        answer = record(0x14, (0x4D, response), (0x0D, sign(key, response)))
        told = {"session": session, "answer": answer, "time": time}
    json.dump({name: octets.hex() for name, octets in told.items()}, sys.stdout)


main()
