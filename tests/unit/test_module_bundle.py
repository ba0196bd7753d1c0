"""A kiosk imports its modules from the bundle, and never what is no longer so."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kiosk

LOADED = (
    "import sys; from kiosk import module_bundle; module_bundle.use(); import kiosk.app\n"
    "kind = lambda module: type(getattr(module, '__loader__', None)).__name__\n"
    "named = {name for name, module in sys.modules.items() if kind(module) == '_Loader'}\n"
    "def is_read(name):\n"
    "    try: return bool(sys.meta_path[0].code(name))\n"
    "    except ImportError: return False\n"
    "taken = {name for name in named if is_read(name)}\n"
)
"""`taken`: the names of modules that came from the bundle."""


class Checkout:
    """A kiosk of its own, with the packages that are installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "kiosk"

    def python(self, *arguments: str) -> str:
        environment = dict(os.environ)
        # Python is to compile what it imports.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bundle(self) -> Path:
        self.python("-m", "kiosk.module_bundle")
        (made,) = self.package.glob("*.bundle")
        return made

    def told(self, program: str) -> str:
        return self.python("-c", LOADED + program).strip()


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    root = tmp_path_factory.mktemp("bundled")
    nothing = shutil.ignore_patterns("sandbox", "*.bundle", "__pycache__")
    shutil.copytree(Path(kiosk.__file__).parent, root / "kiosk", ignore=nothing)
    checkout = Checkout(root)
    checkout.bundle()
    return checkout


@pytest.fixture
def restored(bundled: Checkout) -> Iterator[Checkout]:
    """May be changed: one module and the bundle."""
    kept = {}
    for path in (bundled.package / "idle.py", *bundled.package.glob("*.bundle")):
        kept[path] = path.read_bytes(), path.stat()
    yield bundled
    for path, (data, status) in kept.items():
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_nearly_all_comes_from_it(bundled: Checkout) -> None:
    program = (
        "import zipfile\n"
        "wanted = {name for name, module in sys.modules.items()"
        " if name.partition('.')[0] in ('kiosk', 'textual', 'rich', 'asyncio', 'msgspec')"
        " and str(getattr(module, '__file__', '')).endswith('.py')}\n"
        "print(len(taken), len(named - taken), kind(zipfile), *sorted(wanted - taken))"
    )
    count, *rest = bundled.told(program).split()
    assert int(count) > 300
    # What looks for the bundle is found without it, and what is not in it as ever.
    assert rest == ["0", "SourceFileLoader", "kiosk", "kiosk.module_bundle"]


def test_a_module_is_as_python_makes_it(bundled: Checkout) -> None:
    program = (
        "import inspect, kiosk.flow as f, kiosk.screens as s\n"
        "print(f.__file__, s.__path__[0], f.__cached__ == f.__spec__.cached, f.__package__, "
        "f.State.WELCOME.__class__.__module__, inspect.getsource(f).count('class State('), "
        "f.Journey.handle.__code__.co_filename, sep='\\n')"
    )
    flow = bundled.package / "flow.py"
    screens = bundled.package / "screens"
    expected = [flow, screens, True, "kiosk", "kiosk.flow", 1, flow]
    assert bundled.told(program).splitlines() == [str(one) for one in expected]


@pytest.mark.parametrize("change", ["later", "longer", "gone"])
def test_a_source_that_is_another_is_imported_itself(restored: Checkout, change: str) -> None:
    idle = restored.package / "idle.py"
    status = idle.stat()
    text = idle.read_text(encoding="utf-8")
    if change == "later":
        os.utime(idle, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))
    elif change == "longer":
        idle.write_text(text + "ANOTHER = 1\n", encoding="utf-8")
        os.utime(idle, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        idle.unlink()
        folder = restored.package / "idle"
        folder.mkdir()
        (folder / "__init__.py").write_text(text + "ANOTHER = 1\n", encoding="utf-8")
    try:
        program = (
            "import kiosk.idle; "
            "print('kiosk.idle' in taken, hasattr(kiosk.idle, 'ANOTHER'), 'kiosk.flow' in taken)"
        )
        assert restored.told(program) == f"False {change != 'later'} True"
    finally:
        shutil.rmtree(restored.package / "idle", ignore_errors=True)


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "another Python's", "an older kiosk's", "index", "half"]
)
def test_without_a_good_bundle_all_is_imported_as_ever(restored: Checkout, damage: str) -> None:
    (path,) = restored.package.glob("*.bundle")
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another Python's":
        path.write_bytes(b"\0" + data[1:])
    elif damage == "an older kiosk's":
        path.write_bytes(data[:4] + b"\0" + data[5:])
    else:
        path.write_bytes(data[: {"empty": 0, "index": 1000, "half": len(data) // 2}[damage]])
    assert restored.told("print(kiosk.app.KioskApp.__name__)") == "KioskApp"
    assert restored.python("-m", "kiosk", "--version") == f"kiosk {kiosk.__version__}\n"


@pytest.mark.parametrize(("way", "taken"), [("unchecked-hash", True), ("checked-hash", False)])
def test_a_source_is_compared_where_python_would(restored: Checkout, way: str, taken: bool) -> None:
    idle = restored.package / "idle.py"
    status = idle.stat()
    restored.python("-m", "compileall", "-q", "-f", "--invalidation-mode", way, str(idle))
    try:
        restored.bundle()
        os.utime(idle, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))
        assert restored.told("print('kiosk.idle' in taken)") == str(taken)
    finally:
        restored.python("-m", "compileall", "-q", "-f", str(idle))


def test_modules_that_were_compiled_elsewhere_are_not_taken(
    bundled: Checkout, tmp_path: Path
) -> None:
    """Their places would be told wrong in what is logged."""
    shutil.copytree(bundled.package, tmp_path / "kiosk")
    program = "print('kiosk.flow' in named, 'kiosk.flow' in taken, kiosk.flow.__file__)"
    assert Checkout(tmp_path).told(program) == f"True False {tmp_path}/kiosk/flow.py"


def test_code_without_assertions_is_not_mixed_in(bundled: Checkout) -> None:
    program = (
        "import sys; from kiosk import module_bundle; module_bundle.use(); print(*sys.meta_path)"
    )
    assert "ModuleBundle" in bundled.python("-c", program)
    assert "ModuleBundle" not in bundled.python("-O", "-c", program)


def test_it_is_put_away(bundled: Checkout) -> None:
    program = (
        "import os; here = os.path.realpath; "
        "held = lambda: [one for one in os.listdir('/proc/self/fd')"
        " if here('/proc/self/fd/' + one).endswith('.bundle')]\n"
        "print(len(held()))\n"
        "module_bundle.put_away(); module_bundle.put_away(); print(len(held()))\n"
        "import kiosk.effects; print(type(kiosk.effects.__loader__).__name__)\n"
        # Of a module that came from it, as tools ask for it.
        "print(kiosk.app.__loader__.get_code('kiosk.app').co_name)"
    )
    assert bundled.told(program).split() == ["1", "0", "SourceFileLoader", "<module>"]


def test_the_command_uses_it(bundled: Checkout) -> None:
    program = (
        "import sys\n"
        "from kiosk import cli, __main__ as command\n"
        "cli.main = lambda: print(type(sys.meta_path[0]).__name__)\n"
        "command.main()"
    )
    assert bundled.python("-c", program).strip() == "ModuleBundle"


def test_that_of_another_python_is_cleared_away(restored: Checkout) -> None:
    old = restored.package / "cpython-310.bundle"
    old.write_bytes(b"")
    restored.bundle()
    assert not old.exists()
