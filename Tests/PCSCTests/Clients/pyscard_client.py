"""What programs written with pyscard do with a card: `pyscard_client.py TASK READER [MORE...]`.

Ends with an error when card, reader or daemon are not as they should be.
"""

import os
import random
import subprocess
import sys
import threading
import time

from smartcard.CardConnection import CardConnection
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
VERIFY_PIN = toBytes("00 20 00 81 08") + list(b"72905163")
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


def expect(card, command, word):
    """The card must answer with this status word."""
    answered = status(card, command)[1]
    assert answered == word, f"{answered:04X} instead of {word:04X} to {toHexString(command)}"


def handle(card):
    """What the functions of PC/SC call the connection."""
    return card.component.hcard


def renew(card, disposition):
    """Reconnects, with a reset or without; amid another program's reset pcscd has no protocol to tell, or says that what
    is wanted does not match."""
    either = CardConnection.T0_protocol | CardConnection.T1_protocol
    for _ in range(100):
        try:
            card.reconnect(protocol=either, disposition=disposition)
            if card.getProtocol() in (CardConnection.T0_protocol, CardConnection.T1_protocol):
                return
        except CardConnectionException as error:
            if "protocol mismatch" not in str(error):
                raise
        # The reset itself is done, or somebody else's is.
        disposition = SCARD_LEAVE_CARD
        time.sleep(0.01)
    raise AssertionError("there is no protocol")


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
    expect(connection(name), SELECT, 0x9000)


def transaction(name):
    """Another program's command waits for the end of a transaction."""
    card = connection(name)
    demand(SCardBeginTransaction(handle(card)))
    other = subprocess.Popen([sys.executable, __file__, "connect", name], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    assert other.poll() is None, "a command went into another program's transaction"
    expect(card, SELECT, 0x9000)
    demand(SCardEndTransaction(handle(card), SCARD_LEAVE_CARD))
    assert other.wait(240) == 0


def reset(name):
    """A reset by one takes away what another has verified, and the other is told."""
    victim, culprit = connection(name), connection(name)
    expect(victim, SELECT, 0x9000)
    expect(victim, HAND_OVER, 0x6982)
    expect(victim, VERIFY_PIN, 0x9000)
    expect(victim, HAND_OVER, 0x9000)
    culprit.component.disposition = SCARD_RESET_CARD
    culprit.disconnect()
    assert SCardBeginTransaction(handle(victim)) == SCARD_W_RESET_CARD
    renew(victim, SCARD_LEAVE_CARD)
    expect(victim, SELECT, 0x9000)
    expect(victim, HAND_OVER, 0x6982)


def has_no_state(card):
    """Whether the card knows of no PIN; asked in a transaction, into which others' resets may still come."""
    for _ in range(10):
        try:
            renew(card, SCARD_LEAVE_CARD)
            expect(card, SELECT, 0x9000)
            expect(card, HAND_OVER, 0x6982)
            return True
        except (AssertionError, CardConnectionException):
            time.sleep(0.01)
    return False


def share(name, folder, seconds, part, seed):
    """One of several processes that use the card at the same time, each in transactions that end with a reset.

    It works for so many seconds, and on a slow machine longer: until each of four has had its part of so many transactions
    and left a file in a folder. Whoever gets no turn keeps them all.
    Prints how many transactions it had, how often it reset the card besides, how often it saw another's state, and how
    often it lost its own.
    """
    chance, end = random.Random(int(seed)), time.monotonic() + int(seconds)
    transactions = resets = intrusions = losses = 0
    card = connection(name)
    renew(card, SCARD_LEAVE_CARD)

    def all_are_content():
        if transactions < int(part):
            return False
        open(f"{folder}/{os.getpid()}", "w").close()
        return len(os.listdir(folder)) >= 4

    while time.monotonic() < end or not all_are_content():
        # Others want their turn.
        time.sleep(chance.uniform(0, 0.01))
        if chance.randrange(4) == 0:
            renew(card, SCARD_RESET_CARD)
            resets += 1
        code = SCardBeginTransaction(handle(card))
        if code == SCARD_W_RESET_CARD:
            renew(card, SCARD_LEAVE_CARD)
            continue
        demand(code)
        try:
            expect(card, SELECT, 0x9000)
            word = status(card, HAND_OVER)[1]
            # The last three: another reset after the selection.
            intrusions += word not in (0x6982, 0x6985, 0x6D00, 0x6E00)
            assert word == 0x6982, f"{word:04X}"
            expect(card, VERIFY_PIN, 0x9000)
            for _ in range(3):
                expect(card, HAND_OVER, 0x9000)
            demand(SCardEndTransaction(handle(card), SCARD_RESET_CARD))
            transactions += 1
        except (AssertionError, CardConnectionException):
            # pcscd asks whether a reset is allowed, tells of it, and only then waits for the reader and resets the card
            # (pcsc-lite 1.9.9, SCardReconnect). So another's reset may come into a transaction; the card has no protocol
            # for a moment; and whoever reconnected in between is never told.
            if not has_no_state(card):
                raise
            losses += 1
            # Refused while there is a reset that it was not told of; and only this ends the transaction.
            while SCardEndTransaction(handle(card), SCARD_RESET_CARD) == SCARD_W_RESET_CARD:
                renew(card, SCARD_LEAVE_CARD)
    print(transactions, resets, intrusions, losses)


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


tasks = {task.__name__: task for task in (connect, exclusive, transaction, reset, share, events)}
tasks[sys.argv[1]](*sys.argv[2:])
