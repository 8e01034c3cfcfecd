"""yubikey-manager's SCP03, level 33 with AES-128 keys, against a card: `yubikey_client.py TASK READER VERSION KEYS`.

VERSION is the key set's version and KEYS its ENC, MAC and DEK, in hex. Ends with an error when the card is not as it
should be.
"""

import sys

from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core import Tlv
from yubikit.core.smartcard import SW, ApduError
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

PIN = b"72905163"


class Connection(ScardSmartCardConnection):
    """With T=0, where a YubiKey never is, a command is repeated with the length that the card asks for."""

    def send_and_receive(self, apdu):
        data, word = super().send_and_receive(apdu)
        if word >> 8 != 0x6C:
            return data, word
        return super().send_and_receive(apdu[:4] + bytes([word & 0xFF]))


def session(name):
    """Selects the issuer security domain of the card in the reader of this name."""
    [reader] = [reader for reader in readers() if str(reader) == name]
    return SecurityDomainSession(Connection(reader.createConnection()))


def key_sets(domain):
    """The versions of all keys on the card (GlobalPlatform 2.3.1, 11.3.3.1.1)."""
    # A YubiKey answers without the template around it, so yubikey-manager's own reader is no use here.
    templates = Tlv.parse_list(Tlv.unpack(0xE0, domain.get_data(0xE0)))
    return {Tlv.unpack(0xC0, template)[1] for template in templates}


def refused(word, send):
    """The card must answer with this status word."""
    try:
        send()
    except ApduError as error:
        assert error.sw == word, error
        return
    raise AssertionError(f"not refused with {word:04X}")


def test_keys(name, keys, reference):
    """What a blank card with GlobalPlatform's test keys answers in a session."""
    domain = session(name)
    domain.authenticate(Scp03KeyParams(reference, keys))
    # An empty body, and data in the response.
    assert key_sets(domain) == {reference.kvn}
    assert Tlv.unpack(0x73, Tlv.unpack(0x66, domain.get_data(0x66)))
    # What is not there.
    refused(SW.REFERENCE_DATA_NOT_FOUND, lambda: domain.get_data(0x5FC1))
    # The session outlives an error word.
    assert key_sets(domain)


def issued(name, keys, reference):
    """Every kind of command and response, in a session on an issued card."""
    domain = session(name)
    domain.authenticate(Scp03KeyParams(reference, keys))
    send = domain.protocol.send_apdu
    # Neither a body, nor data in the response: how many tries of the PIN are left.
    refused(0x63C3, lambda: send(0x00, 0x20, 0x00, 0x81))
    # A body, no data in the response.
    assert send(0x00, 0x20, 0x00, 0x81, PIN) == b""
    # Neither, and good.
    assert send(0x00, 0x20, 0x00, 0x81) == b""
    # No body, data in the response.
    assert reference.kvn in key_sets(domain)
    # Both.
    assert Tlv.unpack(0xE3, send(0x80, 0xF2, 0x80, 0x02, b"\x4f\x00"))
    # A response longer than one short APDU.
    assert len(domain.get_data(0x9F7F)) == 45


def wrong_keys(name, keys, reference):
    """The host refuses a card with other keys; the card refuses a host that does not."""
    wrong = StaticKeys(*(bytes(octet ^ 1 for octet in key) for key in keys))
    domain = session(name)
    try:
        domain.authenticate(Scp03KeyParams(reference, wrong))
        raise AssertionError("the host took the wrong card")
    except ValueError:
        pass
    refused(0x6982, lambda: domain.protocol.send_apdu(0x84, 0x82, 0x33, 0x00, bytes(16)))
    domain.authenticate(Scp03KeyParams(reference, keys))
    assert key_sets(domain)


task, name, version, octets = sys.argv[1:]
secret = bytes.fromhex(octets)
{"test-keys": test_keys, "issued": issued, "wrong-keys": wrong_keys}[task](
    name, StaticKeys(secret[:16], secret[16:32], secret[32:]), KeyRef(ScpKid.SCP03, int(version, 16))
)
