"""Runs a command at a terminal of its own: terminal.py JSON, with {"command": [...], "answers": [[prompt, keys], ...],
"columns": width or null}.

Waits for each prompt before it types. Prints {"status": ..., "screen": ...}.
"""

import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios


def main() -> None:
    signal.alarm(300)  # a prompt that never comes must not hold up the tests
    request = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        if request.get("columns"):
            fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, request["columns"], 0, 0))
        os.execv(request["command"][0], request["command"])
    screen = b""
    answers = list(request["answers"])
    seen = 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: the last one at the other end is gone
            break
        if not piece:
            break
        screen += piece
        if answers and answers[0][0].encode() in screen[seen:]:
            seen = len(screen)
            os.write(terminal, answers.pop(0)[1].encode())
    _, status = os.waitpid(child, 0)
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "screen": screen.decode()}))


main()
