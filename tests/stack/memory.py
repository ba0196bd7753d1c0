"""Looks for a text in all of another process's memory."""

from __future__ import annotations

from pathlib import Path

_ENCODINGS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def find_in_memory(pid: int, *texts: str) -> list[str]:
    """Where these texts are, in UTF-8, 16 or 32: encoding and mapping, once for each place.

    Needs root. Mappings that cannot be read (the kernel's own) are passed over.
    """
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            (
                span,
                rights,
                *_,
            ) = line.split()
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                continue
            # Without zeros, a text of ASCII is the same in every encoding: that is the quick
            # way to see that it is not there.
            packed = content.translate(None, b"\0")
            for text in texts:
                if text.isascii() and text.encode() not in packed:
                    continue
                for name, encoding in _ENCODINGS.items():
                    # Without the zeros at its end, it is also the same in both byte orders.
                    needle = text.encode(encoding).rstrip(b"\0")
                    found += [f"{name} in {line}"] * content.count(needle)
    return found
