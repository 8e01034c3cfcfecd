"""What programs written with pyscard do with a card: `pyscard_client.py TASK READER`.

Ends with an error when card, reader or daemon are not as they should be.
"""

import subprocess
import sys
import threading
import time

from smartcard.CardMonitoring import CardMonitor, CardObserver
from smartcard.Exceptions import CardConnectionException
from smartcard.scard import (
    SCARD_LEAVE_CARD,
    SCARD_RESET_CARD,
    SCARD_S_SUCCESS,
    SCARD_SHARE_EXCLUSIVE,
    SCARD_W_RESET_CARD,
    SCardBeginTransaction,
    SCardEndTransaction,
    SCardGetErrorMessage,
)
from smartcard.System import readers
from smartcard.util import toBytes, toHexString

SELECT = toBytes("00 A4 04 00 08 F0 57 41 52 49 46 55 01")
VERIFY_PIN = toBytes("00 20 00 81 08 31 33 35 37 FF FF FF FF")
HAND_OVER = toBytes("80 10 00 00 00")


def connection(name, **how):
    """Connects to the reader of this name."""
    [reader] = [reader for reader in readers() if str(reader) == name]
    made = reader.createConnection()
    made.connect(**how)
    return made


def status(card, command):
    """Sends a command, follows 61xx and 6Cxx as T=0 asks for, and answers data and status word."""
    data, sw1, sw2 = card.transmit(command)
    if sw1 == 0x6C:
        data, sw1, sw2 = card.transmit(command[:4] + [sw2])
    whole = data
    while sw1 == 0x61:
        data, sw1, sw2 = card.transmit([0, 0xC0, 0, 0, sw2])
        whole += data
    return whole, sw1 << 8 | sw2


def handle(card):
    """What the functions of PC/SC call the connection."""
    return card.component.hcard


def demand(code):
    """A function of PC/SC must have worked."""
    assert code == SCARD_S_SUCCESS, SCardGetErrorMessage(code)


def connect(name):
    """Connects, asks and leaves."""
    card = connection(name)
    data, word = status(card, SELECT)
    assert word == 0x9000 and data[0] == 0x6F, (toHexString(data), hex(word))
    print(toHexString(card.getATR()).replace(" ", ""))
    card.disconnect()


def exclusive(name):
    """One has the card to itself, then others get it."""
    first = connection(name, mode=SCARD_SHARE_EXCLUSIVE)
    try:
        connection(name)
        raise AssertionError("two programs have an exclusive connection")
    except CardConnectionException as error:
        assert "Sharing violation" in str(error), error
    first.disconnect()
    assert status(connection(name), SELECT)[1] == 0x9000


def transaction(name):
    """Another program's command waits for the end of a transaction."""
    card = connection(name)
    demand(SCardBeginTransaction(handle(card)))
    other = subprocess.Popen([sys.executable, __file__, "connect", name], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    assert other.poll() is None, "a command went into another program's transaction"
    assert status(card, SELECT)[1] == 0x9000
    demand(SCardEndTransaction(handle(card), SCARD_LEAVE_CARD))
    assert other.wait(10) == 0


def reset(name):
    """A reset by one takes away what another has verified, and the other is told."""
    victim, culprit = connection(name), connection(name)
    assert status(victim, SELECT)[1] == 0x9000
    assert status(victim, HAND_OVER)[1] == 0x6982
    assert status(victim, VERIFY_PIN)[1] == 0x9000
    assert status(victim, HAND_OVER)[1] == 0x9000
    culprit.component.disposition = SCARD_RESET_CARD
    culprit.disconnect()
    assert SCardBeginTransaction(handle(victim)) == SCARD_W_RESET_CARD
    victim.reconnect(disposition=SCARD_LEAVE_CARD)
    assert status(victim, SELECT)[1] == 0x9000
    assert status(victim, HAND_OVER)[1] == 0x6982


def events(name):
    """Tells of insertions and removals, a line each, until its input ends."""

    class Observer(CardObserver):
        def update(self, observable, actions):
            for word, cards in zip(("inserted", "removed"), actions):
                for card in cards:
                    if str(card.reader) == name:
                        print(word, toHexString(card.atr).replace(" ", ""), flush=True)

    monitor, observer = CardMonitor(), Observer()
    monitor.addObserver(observer)
    # The monitor asks every 0.1 s; by now it has looked once.
    threading.Event().wait(0.5)
    print("watching", flush=True)
    sys.stdin.read()
    monitor.deleteObserver(observer)


{"connect": connect, "exclusive": exclusive, "transaction": transaction, "reset": reset, "events": events}[sys.argv[1]](
    sys.argv[2]
)
