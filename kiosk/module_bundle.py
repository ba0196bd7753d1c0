"""The compiled modules that a kiosk starts with, in one file, because to look for four hundred
files is a good part of a start, and to read them one by one from a slow disk most of it.

The bundle is made when the kiosk is built, out of the compiled modules that Python has written
(PEP 3147, PEP 552), and holds nothing else. Whoever could change it could change the code as well.
A module's source is compared where Python would compare it: not in the Debian package, whose
sources nobody changes. What does not fit is imported as ever, and so is all that is not in the
bundle. A module that is in it is not looked for elsewhere on the path.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, spec_from_file_location

# What is imported here is looked for as ever, so as little as possible is: no `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

SUFFIX = ".bundle"

_FOLDER = __file__.rpartition("/")[0]
_PLACE = f"{_FOLDER}/{sys.implementation.cache_tag}{SUFFIX}"

_HEAD = 16
"""Bytes before a compiled module's code: magic number, flags, and the source's time and size, or
its hash (PEP 552)."""

_CHECKED_HASH = 3
"""Flags of a compiled module that fits only a source with its hash."""

_ANY = (-1, -1)
"""Instead of its source's time and size: it fits whatever the source is (an unchecked hash)."""

_MARK = MAGIC_NUMBER + b"\1"
"""What a bundle begins with: whose modules it has, and the number of its own format. After it comes
how many bytes the index has."""

_INDEX_AT = 8
"""Where the index begins. The modules' code follows it."""

_UP_TO_FIRST_FRAME = (
    *("kiosk.cli", "kiosk.assembly", "kiosk.hardware.readers", "kiosk.unattended", "kiosk.app"),
    # Textual imports them when it runs.
    *("textual.drivers.headless_driver", "textual.pilot", "textual.layouts.factory"),
    "kiosk.screens.welcome",
)
_UNTIL_READY = (
    *("kiosk.effects", "kiosk.hardware.token_client", "kiosk.hardware.unknown_tokens"),
    *("kiosk.hardware.certificate", "kiosk.service.client", "kiosk.service.webhook"),
    *("kiosk.mail_exchange", "concurrent.futures.thread"),
)

_Entry = tuple[int, str, bool, int, int, int, int]
"""Of a module: the root that it lies below and its source's path from there; whether it is a
package; its source's time and size; where its code begins and how many bytes it has."""


class ModuleBundle:
    """Finds modules (`sys.meta_path`) that are in the bundle."""

    def __init__(self, descriptor: int, start: int, index: dict[str, _Entry]) -> None:
        """Make one.

        Args:
            descriptor: of the file; this object's from now on.
            start: where the modules' code begins in it.
            index: what is there, by name.
        """
        self._descriptor = descriptor
        self._start = start
        self._index = index
        self._roots = _roots()

    def find_spec(self, name: str, *_others: object) -> ModuleSpec | None:
        """What to import this module with, if it is here and its source is as it was."""
        entry = self._index.get(name)
        if entry is None:
            return None
        root, place, is_package, time, size, _, _ = entry
        source = f"{self._roots[root]}/{place}"
        try:
            status = os.stat(source)
        except OSError:
            return None
        now = _word(status.st_mtime), _word(status.st_size)
        if (time, size) not in (now, _ANY):
            return None
        return spec_from_file_location(
            name,
            source,
            loader=_Loader(self, name, source),
            submodule_search_locations=[source.rpartition("/")[0]] if is_package else None,
        )

    def code(self, name: str) -> CodeType:
        """A module's code.

        Raises:
            ImportError: it cannot be read, or was compiled in another place.
        """
        try:
            root, place, *_, begin, length = self._index[name]
            data = os.pread(self._descriptor, length, self._start + begin)
            code: CodeType = marshal.loads(data)  # noqa: S302
        except (KeyError, OSError, EOFError, ValueError, TypeError) as error:
            raise ImportError("the bundle cannot be read", name=name) from error
        if getattr(code, "co_filename", "") != f"{self._roots[root]}/{place}":
            raise ImportError("compiled in another place", name=name)
        return code

    def put_away(self) -> None:
        """Import what is still to come as ever."""
        # Another thread may be going along the old list.
        sys.meta_path = [one for one in sys.meta_path if one is not self]
        descriptor, self._descriptor = self._descriptor, -1
        # The loaders of all its modules keep this object.
        self._index = {}
        os.close(descriptor)


class _Loader(SourceFileLoader):
    """Python's own loader, but for where the code comes from."""

    def __init__(self, bundle: ModuleBundle, name: str, source: str) -> None:
        super().__init__(name, source)
        self._bundle = bundle

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            return self._bundle.code(fullname)
        except ImportError:
            return super().get_code(fullname)


def use() -> None:
    """Import from the bundle, if there is one for this Python."""
    if sys.flags.optimize:
        return
    try:
        descriptor = os.open(_PLACE, os.O_RDONLY)
    except OSError:
        return
    try:
        # Read by the system while the first modules are being made.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        head = os.pread(descriptor, _INDEX_AT, 0)
        if not head.startswith(_MARK):
            raise ValueError("another Python's, or an older kiosk's")
        length = int.from_bytes(head[len(_MARK) :], "little")
        index = marshal.loads(os.pread(descriptor, length, _INDEX_AT))  # noqa: S302
        sys.meta_path.insert(0, ModuleBundle(descriptor, _INDEX_AT + length, index))
    except (OSError, EOFError, ValueError, TypeError):
        os.close(descriptor)


def put_away() -> None:
    """Whatever is imported from now on is looked for as ever."""
    for finder in [one for one in sys.meta_path if isinstance(one, ModuleBundle)]:
        finder.put_away()


def make_bundle() -> None:
    """Write the bundle: of the modules that a kiosk imports up to its first frame, then of those
    until it is ready, in their order. Python has to have compiled them."""
    # Of no use to a kiosk that runs.
    import importlib  # noqa: PLC0415
    from contextlib import suppress  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    for name in (*_UP_TO_FIRST_FRAME, *_UNTIL_READY):
        importlib.import_module(name)
    importlib.import_module("kiosk.screens").load_all()
    with suppress(ImportError):
        # A demonstration may be without pyscard.
        importlib.import_module("smartcard.System")
    roots = _roots()
    index: dict[str, _Entry] = {}
    codes = bytearray()
    for name, module in list(sys.modules.items()):
        # What is in `sys.modules` need not be a module.
        spec = getattr(module, "__spec__", None)
        if spec is None or spec.name != name or not isinstance(spec.loader, SourceFileLoader):
            continue
        source = spec.loader.path
        root = next((root for root in roots if root and source.startswith(f"{root}/")), None)
        found = _compiled(source)
        if root is None or found is None:
            continue
        stamp, code = found
        place = source.removeprefix(f"{root}/")
        is_package = spec.submodule_search_locations is not None
        index[name] = roots.index(root), place, is_package, *stamp, len(codes), len(code)
        codes += code
    table = marshal.dumps(index)
    head = _MARK + len(table).to_bytes(_INDEX_AT - len(_MARK), "little")
    target = Path(_PLACE)
    # Several processes may make one at once.
    partial = target.with_suffix(f"{SUFFIX}.{os.getpid()}")
    partial.write_bytes(head + table + codes)
    partial.replace(target)
    for old in set(target.parent.glob(f"*{SUFFIX}")) - {target}:
        old.unlink(missing_ok=True)


def _compiled(source: str) -> tuple[tuple[int, int], bytes] | None:
    """Which time and size of its source a compiled module fits, and its code; None if there is
    none that fits as long as its source is as it was."""
    try:
        with open(cache_from_source(source, optimization=""), "rb") as file:
            head, code = file.read(_HEAD), file.read()
    except OSError:
        return None
    flags, time, size = (int.from_bytes(head[at : at + 4], "little") for at in range(4, _HEAD, 4))
    if not head.startswith(MAGIC_NUMBER) or flags == _CHECKED_HASH:
        return None
    return (_ANY if flags else (time, size)), code


def _roots() -> tuple[str, ...]:
    """Folders that modules lie below: of the packages, of the kiosk, of the standard library."""
    site = next((one for one in sys.path if one.endswith("/site-packages")), "")
    return site, _FOLDER.rpartition("/")[0], os.__file__.rpartition("/")[0]


def _word(number: float) -> int:
    """As a compiled module has it: whole, and the lowest 32 bits."""
    return int(number) & 0xFFFFFFFF


if __name__ == "__main__":
    make_bundle()
