"""Runs inside the test machine: does as root what a line on a virtio serial port asks for.

Only the test's disk image has it. One line of JSON in, one out:

    {"id": 7, "run": ["cat", "/proc/uptime"], "input": "", "seconds": 30}
    {"id": 7, "code": 0, "out": "12.3 …", "err": ""}

A program that does not end in time is killed; its code is then 124.
"""

import json
import subprocess
import time
from pathlib import Path

PORT = Path("/dev/virtio-ports/vm-test")
LATE = 124


def answer(line: bytes) -> bytes:
    request = json.loads(line)
    try:
        done = subprocess.run(
            request["run"],
            input=request["input"].encode(),
            capture_output=True,
            timeout=request["seconds"],
            check=False,
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = LATE, late.stdout or b"", late.stderr or b""
    except OSError as error:
        code, out, err = 127, b"", str(error).encode()
    texts = {"out": out.decode(errors="replace"), "err": err.decode(errors="replace")}
    return json.dumps({"id": request["id"], "code": code, **texts}).encode() + b"\n"


def main() -> None:
    with PORT.open("r+b", buffering=0) as port:
        pending = b""
        while True:
            part = port.read(1 << 16)
            if not part:
                # Nobody has opened the other end.
                time.sleep(0.2)
                continue
            pending += part
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                try:
                    reply = answer(line)
                except (ValueError, KeyError, TypeError):
                    # Half a line from before a restart of the machine.
                    continue
                while reply:
                    reply = reply[port.write(reply) :]


if __name__ == "__main__":
    main()
