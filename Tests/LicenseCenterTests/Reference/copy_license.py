"""Computes a copy licence from its inputs with the Python package `cryptography`, apart from the Swift code.

Reads one JSON object from standard input (values in hexadecimal) and writes one.
"""
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import aes_key_wrap


def field(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def kbkdf(key: bytes, label: bytes, context: bytes) -> bytes:
    return KBKDFCMAC(
        algorithm=algorithms.AES, mode=Mode.CounterMode, length=32, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=label, context=context, fixed=None,
    ).derive(key)


def cmac(key: bytes, message: bytes) -> bytes:
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()


given = {name: bytes.fromhex(value) for name, value in json.load(sys.stdin).items()}
serial, software, medium, terms = given["serial"], given["software"], given["medium"], given["terms"]

individual_key = kbkdf(given["issuerMaster"], b"individual key", field(0x02, serial))
user_key = kbkdf(individual_key, b"copy-licence user key", field(0x02, serial))
certification_key = kbkdf(
    given["certificationRoot"], b"certification key",
    field(0x0C, given["number"]) + field(0x02, serial) + field(0x03, software) + field(0x04, medium)
    + field(0x01, given["rootVersion"]))
certificate_input = field(0x03, software) + field(0x04, medium) + field(0x05, terms)
content_wrapping_key = kbkdf(certification_key, b"content", field(0x0E, certificate_input))
certificate_code = cmac(certification_key, certificate_input)
wrapped_certification_key = aes_key_wrap(user_key, certification_key)
wrapped_content_key = aes_key_wrap(content_wrapping_key, given["contentKey"])

signed = b"WR\x01\x01" + b"".join(
    field(kind, value)
    for kind, value in enumerate(
        [given["number"], given["center"], given["rootVersion"], serial, software, medium, b"\x00", terms,
         certificate_code, wrapped_certification_key, wrapped_content_key, given["issued"]], start=1))

json.dump({"certificateCode": certificate_code.hex().upper(), "signed": signed.hex().upper()}, sys.stdout)
