"""Computes a licence by conversion keys from its inputs with the Python package `cryptography`, apart from the Swift code.

Reads one JSON object from standard input (values in hexadecimal) and writes one.
"""
import json
import struct
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import aes_key_wrap


def field(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def kbkdf(key: bytes, label: bytes, context: bytes) -> bytes:
    return KBKDFCMAC(
        algorithm=algorithms.AES, mode=Mode.CounterMode, length=32, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=label, context=context, fixed=None,
    ).derive(key)


def hkdf(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(key)


given = {name: bytes.fromhex(value) for name, value in json.load(sys.stdin).items()}
serial, software, medium, terms = given["serial"], given["software"], given["medium"], given["terms"]

individual_key = kbkdf(given["issuerMaster"], b"individual key", field(0x02, serial))
conversion_secret = kbkdf(individual_key, b"conversion secret", field(0x02, serial))
medium_key = kbkdf(given["conversionRoot"], b"target medium", field(0x04, medium))
master_key = kbkdf(given["conversionRoot"], b"master medium", field(0x03, software))
wrapped_medium_key = aes_key_wrap(hkdf(conversion_secret, b"Ku" + medium), medium_key)
wrapped_master_key = aes_key_wrap(hkdf(conversion_secret, b"Ka" + medium + software), master_key)

tags = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x1E, 0x1F, 0x0C]
values = [given["number"], given["center"], given["rootVersion"], serial, software, medium, b"\x00", terms,
          wrapped_medium_key, wrapped_master_key, given["issued"]]
signed = b"WR\x07\x01" + b"".join(field(tag, value) for tag, value in zip(tags, values))

json.dump(
    {"mediumKey": medium_key.hex().upper(), "masterKey": master_key.hex().upper(), "signed": signed.hex().upper()},
    sys.stdout)
