#!/usr/bin/env python3
"""SCP03 (GlobalPlatform Amendment D 1.2) once more, in another language on another library, as a witness for the tests.

Prints transcripts of whole sessions: every key length, mode and security level, short and extended commands with and
without data, warnings, error words, logical channels, both kinds of card challenge. Each line is a word and its
hexadecimal fields ("-" for an empty one). Needs the package `cryptography`.
"""

import random

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

chance = random.Random(0x7816)


def derive(key, constant, context, octets):
    """SP 800-108, counter between the fixed parts (4.1.5)."""
    before = bytes(11) + bytes([constant, 0]) + (octets * 8).to_bytes(2, "big")
    return KBKDFCMAC(
        algorithms.AES, Mode.CounterMode, octets, 1, None, CounterLocation.MiddleFixed,
        label=None, context=None, fixed=before + context, break_location=len(before),
    ).derive(key)


def mac(key, *parts):
    engine = cmac.CMAC(algorithms.AES(key))
    for part in parts:
        engine.update(part)
    return engine.finalize()


def encrypt(key, vector, data):
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 16)
    engine = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return engine.update(padded) + engine.finalize()


def block(key, data):
    engine = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return engine.update(data) + engine.finalize()


def class_on(channel, base, secured):
    if channel < 4:
        return base | channel | (0x04 if secured else 0)
    return base | 0x40 | (channel - 4) | (0x20 if secured else 0)


def apdu(header, data, le):
    """The shortest coding; `le` is None, or 1 to 65,536."""
    if len(data) > 255 or (le or 0) > 256:
        lc = b"\0" + len(data).to_bytes(2, "big") if data else b"\0"
        return header + lc + data + ((le & 0xFFFF).to_bytes(2, "big") if le else b"")
    return header + (bytes([len(data)]) + data if data else b"") + (bytes([le & 0xFF]) if le else b"")


def say(word, *fields):
    print(word, *(field.hex() or "-" for field in fields))


class Session:
    def __init__(self, bits, mode, level, channel=0, counter=None, aid=b""):
        self.mode, self.level, self.channel = mode, level, channel
        enc, mac_key, dek = (chance.randbytes(bits // 8) for _ in range(3))
        host = chance.randbytes(mode)
        card = chance.randbytes(mode) if counter is None else derive(enc, 2, counter + aid, mode)
        both = host + card
        self.s_enc = derive(enc, 4, both, bits // 8)
        self.s_mac = derive(mac_key, 6, both, bits // 8)
        self.s_rmac = derive(mac_key, 7, both, bits // 8)
        self.chaining, self.counter = bytes(16), 0
        diversification = chance.randbytes(10)
        i = 0x60 | (0x10 if counter is not None else 0) | (1 if mode == 16 else 0)
        answer = diversification + bytes([0x30, 3, i]) + card + derive(self.s_mac, 0, both, mode) + (counter or b"")

        say("session", bytes([mode, level, channel]))
        say("keys", enc, mac_key, dek)
        say("challenges", host, card, counter or b"", aid)
        opening = bytes([class_on(channel, 0x80, False), 0x50, 0x30, 0])
        say("initialize", apdu(opening, host, 256), diversification, answer)
        header = bytes([class_on(channel, 0x80, True), 0x82, level, 0])
        say("authenticate", self.seal(header, derive(self.s_mac, 1, both, mode), None))
        secret = chance.randbytes(32)
        engine = Cipher(algorithms.AES(dek), modes.CBC(bytes(16))).encryptor()
        say("sensitive", secret, engine.update(secret) + engine.finalize())
        say("check", block(enc, b"\x01" * 16)[:3])

    def seal(self, header, data, le):
        length = len(data) + self.mode
        extended = length > 255 or (le or 0) > 256
        lc = b"\0" + length.to_bytes(2, "big") if extended else bytes([length])
        basic = bytes([header[0] & 0x90 | 0x04]) + header[1:]
        self.chaining = mac(self.s_mac, self.chaining, basic + lc + data)
        return apdu(header, data + self.chaining[: self.mode], le)

    def exchange(self, base, data, le, answer, status):
        header = bytes([class_on(self.channel, base, False), 0xE2, 0x91, len(data) & 0xFF])
        plain = apdu(header, data, le)
        wrapped = plain
        if self.level & 1:
            self.counter += 1
            number = self.counter.to_bytes(16, "big")
            if self.level & 2 and data:
                data = encrypt(self.s_enc, block(self.s_enc, number), data)
            wrapped = self.seal(bytes([class_on(self.channel, base, True)]) + header[1:], data, le)
        say("command", plain, wrapped)
        body = answer
        if self.level & 0x10 and (status == b"\x90\0" or status[0] in (0x62, 0x63)):
            if self.level & 0x20 and body:
                body = encrypt(self.s_enc, block(self.s_enc, b"\x80" + number[1:]), body)
            body += mac(self.s_rmac, self.chaining, body, status)[: self.mode]
        say("response", answer + status, body + status)


def talk(session):
    """Sizes around the blocks and around what a short APDU holds, each way."""
    for octets, le in [(0, None), (0, 256), (1, 5), (15, None), (16, 256), (17, 256), (0, 65536), (223, 256), (224, 256),
                       (239, None), (240, 256), (247, 256), (255, 256), (256, 256), (4000, 4000), (20, 65536)]:
        session.exchange(0x80, chance.randbytes(octets), le, chance.randbytes(min(le or 0, 4000 if le == 4000 else 600)), b"\x90\0")
    session.exchange(0x00, b"chained?", None, b"", b"\x62\x83")
    session.exchange(0x10, b"first of a chain", None, b"", b"\x63\xC2")
    session.exchange(0x80, b"refused", 256, b"", b"\x6A\x82")
    session.exchange(0x80, b"and on", 256, b"still here", b"\x90\0")


for bits in (128, 192, 256):
    for mode in (8, 16):
        for level in (0x00, 0x01, 0x03, 0x11, 0x13, 0x33):
            talk(Session(bits, mode, level))
for channel in (1, 3, 4, 19):
    talk(Session(128, 16, 0x33, channel))
for mode in (8, 16):
    talk(Session(256, mode, 0x33, 0, bytes.fromhex("0000FF"), bytes.fromhex("A000000151000000")))
