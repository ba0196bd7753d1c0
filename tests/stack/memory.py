"""Looks for a text in all of another process's memory."""

from __future__ import annotations

from pathlib import Path

_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")


def find_in_memory(pid: int, text: str) -> list[str]:
    """Where the text is, in any encoding Python uses: the mapping's name and the encoding.

    Needs root. Mappings that cannot be read (the kernel's own) are passed over.
    """
    needles = {encoding: text.encode(encoding) for encoding in _ENCODINGS}
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
            found += [f"{encoding} in {line}" for encoding, n in needles.items() if n in content]
    return found
