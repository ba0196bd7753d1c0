"""What the speech programs are given, and what becomes of the kiosk when they misbehave."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kiosk.i18n import translator
from kiosk.speech import speaker
from kiosk.speech.dispatcher import SpeechDispatcher, ssip_rate
from kiosk.speech.espeak import EspeakNg
from kiosk.speech.speaker import Speaker, Wish
from kiosk.speech.text import spelled, spoken

vi, en = translator("vi"), translator("en")


@pytest.mark.parametrize(
    ("drawn", "read"),
    [
        ("  1800 1260  ", "1 8 0 0, 1 2 6 0."),
        ("+84 24 3574 1260", "+8 4, 2 4, 3 5 7 4, 1 2 6 0."),
        ("Tax code 0100000001-001", "Tax code 0 1 0 0 0 0 0 0 0 1, 0 0 1."),
        ("Expires 30/06/2027", "Expires 30/06/2027."),
        ("open 07:30-11:30", "open 07:30-11:30."),
        ("2 tries left", "2 tries left."),
        ("Code C02  ·  Reference BH-7KQ2MX", "Code C02, Reference BH-7KQ2MX."),
        ("to k•••••@g••••.com.", "to k hidden part, at g hidden part, dot com."),
        ("https://mail.google.com", "mail dot google dot com."),
        ("HOA SEN\nTax code", "HOA SEN, Tax code."),
        ("┌──┐ █▀▄ ● →", ""),
        ("[[hello]] <b>", "hello b."),
        ("Wait…", "Wait."),
        ("Why?", "Why?"),
        ("\x1b[31mred\x07", "red."),
    ],
)
def test_what_is_drawn_becomes_what_is_read(drawn: str, read: str) -> None:
    assert spoken(drawn, en) == read


def test_what_is_typed_is_spelled() -> None:
    assert spelled("Ho.a_@", vi) == "H hoa, o, chấm, a, gạch dưới, a còng"


@pytest.mark.parametrize(("rate", "scale"), [(80, -100), (170, 0), (400, 82), (125, -50)])
def test_words_a_minute_on_the_scale_of_ssip(rate: int, scale: int) -> None:
    assert ssip_rate(rate) == scale


async def until(condition: Callable[[], bool], what: str, seconds: float = 5) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"{what} did not come")


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class StandIn:
    """A program in the place of espeak-ng, which writes down what it is told and by which way."""

    def __init__(self, folder: Path, end: str) -> None:
        self.folder = folder
        self.program = folder / "stand-in"
        self.program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >> {folder}/arguments\n'
            f"cat >> {folder}/heard\necho $$ >> {folder}/pids\n{end}\n"
        )
        self.program.chmod(0o755)

    def speaker(self) -> EspeakNg:
        return EspeakNg(160, str(self.program))

    def _read(self, name: str) -> str:
        file = self.folder / name
        return file.read_text(encoding="utf-8") if file.exists() else ""

    @property
    def heard(self) -> str:
        return self._read("heard")

    @property
    def arguments(self) -> list[str]:
        return self._read("arguments").splitlines()

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in self._read("pids").split()]


@pytest.fixture
async def closing() -> AsyncIterator[list[Speaker]]:
    speakers: list[Speaker] = []
    yield speakers
    for one in speakers:
        await one.close()


async def test_espeak_hears_by_its_input_only(tmp_path: Path, closing: list[Speaker]) -> None:
    stand_in = StandIn(tmp_path, "exit 0")
    one = stand_in.speaker()
    closing.append(one)
    one.say("-v en chào Quý khách", "vi")
    assert one.speaking
    await until(lambda: not one.speaking, "the end")
    one.say("你好", "zh")
    await until(lambda: not one.speaking, "the end")
    assert stand_in.heard == "-v en chào Quý khách你好"
    assert stand_in.arguments == ["-v vi -s 160 -b 1 --stdin", "-v cmn -s 160 -b 1 --stdin"]


async def test_a_new_text_breaks_off_the_old_one(tmp_path: Path, closing: list[Speaker]) -> None:
    stand_in = StandIn(tmp_path, "exec sleep 600")
    one = stand_in.speaker()
    closing.append(one)
    one.say("one", "vi")
    await until(lambda: len(stand_in.pids) == 1, "the first")
    one.say("two", "vi")
    await until(lambda: len(stand_in.pids) == 2, "the second")
    first, second = stand_in.pids
    assert gone(first)
    assert not gone(second)
    one.stop()
    assert not one.speaking
    await until(lambda: gone(second), "silence")
    one.say("three", "vi")
    await until(lambda: len(stand_in.pids) == 3, "the third")
    await one.close()
    assert gone(stand_in.pids[2])


async def test_what_fails_is_silent_until_the_next_visit(
    tmp_path: Path, closing: list[Speaker], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stand_in = StandIn(tmp_path, "exit 3")
    one = stand_in.speaker()
    closing.append(one)
    for _ in range(3):
        one.say("secret", "vi")
        await until(lambda: not one.speaking, "the end")
    assert stand_in.heard == "secret"
    (record,) = caplog.records
    assert record.getMessage() == "speech: espeak-ng ended with 3; silent until the next visit"
    one.renew()
    one.say("secret", "vi")
    await until(lambda: len(caplog.records) == 2, "another try")
    assert "secret" not in caplog.text


async def test_a_program_that_is_not_there(
    closing: list[Speaker], caplog: pytest.LogCaptureFixture
) -> None:
    for one, why in (
        (EspeakNg(160, "/nowhere/espeak-ng"), "espeak-ng is not installed"),
        (SpeechDispatcher(160, ["/nowhere/speechd.sock"]), "speech-dispatcher is not running"),
    ):
        closing.append(one)
        one.say("text", "vi")
        await until(lambda one=one: not one.speaking, "the end")  # type: ignore[misc]
        assert why in caplog.records[-1].getMessage()


async def test_a_program_that_does_not_listen(
    tmp_path: Path,
    closing: list[Speaker],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long text does not fit into the pipe; a hung program never ends."""
    monkeypatch.setattr(speaker, "PATIENCE", 0.2)
    monkeypatch.setattr(speaker, "LONGEST", 0.2)
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n")
    deaf.chmod(0o755)
    one = EspeakNg(160, str(deaf))
    closing.append(one)
    for text, why in (("x" * 1_000_000, "does not answer"), ("x", "still speaks")):
        one.renew()
        one.say(text, "vi")
        await until(lambda: not one.speaking, "giving up")
        assert why in caplog.records[-1].getMessage()


class Held(Speaker):
    """Has a fault of its own, and a program that the kernel holds."""

    NAME = "held"

    async def _begin(self, _wish: Wish) -> None:
        raise ValueError("secret")

    async def _said(self) -> None: ...

    async def _silence(self) -> None: ...

    async def _drop(self) -> None:
        await asyncio.sleep(600)


async def test_a_fault_or_a_program_that_cannot_be_ended_holds_nothing_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker, "PATIENCE", 0.1)
    one = Held(160)
    for said in range(1, 3):
        one.renew()
        one.say("text", "vi")
        await until(lambda: not one.speaking, "giving up")
        assert caplog.text.count("held fault at ValueError") == said
    async with asyncio.timeout(2):
        await one.close()
    assert "secret" not in caplog.text


def test_no_child_outlives_a_kiosk_that_is_killed(tmp_path: Path) -> None:
    stand_in = StandIn(tmp_path, "exec sleep 600")
    code = f"""
    import asyncio
    from kiosk.speech.espeak import EspeakNg
    async def main():
        EspeakNg(160, {str(stand_in.program)!r}).say("text", "vi")
        await asyncio.sleep(600)
    asyncio.run(main())
    """
    kiosk = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    try:
        asyncio.run(until(lambda: len(stand_in.pids) == 1, "the child", 20))
    finally:
        kiosk.send_signal(signal.SIGKILL)
        kiosk.wait()
    asyncio.run(until(lambda: gone(stand_in.pids[0]), "the child's end"))


class Ssip:
    """A speech-dispatcher in miniature."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commands: list[str] = []
        self.messages: list[str] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.answers = True

    async def start(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        while line := (await reader.readline()).decode():
            assert line.endswith("\r\n")
            self.commands.append(line.strip())
            if not self.answers:
                continue
            if line.strip() != "SPEAK":
                writer.write(b"200 OK\r\n")
                continue
            writer.write(b"230 OK RECEIVING DATA\r\n")
            text = ""
            while (line := (await reader.readline()).decode()) != ".\r\n":
                text += line.removeprefix(".")
            self.messages.append(text)
            writer.write(f"225-{len(self.messages)}\r\n225 OK MESSAGE QUEUED\r\n".encode())
        writer.close()

    def end(self, number: int) -> None:
        """Say that a message was said."""
        self.connections[-1].write(f"702-{number}\r\n702-1\r\n702 END\r\n".encode())


@pytest.fixture
async def ssip(tmp_path: Path) -> AsyncIterator[Ssip]:
    server = Ssip(tmp_path / "speechd.sock")
    listening = await server.start()
    yield server
    listening.close()
    for connection in server.connections:
        connection.close()


async def test_speech_dispatcher_is_told_text_language_and_end(
    ssip: Ssip, closing: list[Speaker]
) -> None:
    one = SpeechDispatcher(125, [str(ssip.path)])
    closing.append(one)
    one.say("Xin chào.\n.\nSPEAK", "vi")
    await until(lambda: len(ssip.messages) == 1, "the message")
    assert ssip.messages[0] == "Xin chào.\r\n.\r\nSPEAK\r\n"
    assert "SET SELF RATE -50" in ssip.commands
    assert ssip.commands[-2:] == ["SET SELF LANGUAGE vi", "SPEAK"]
    ssip.end(1)
    await until(lambda: not one.speaking, "the end")
    one.say("two", "vi")
    await until(lambda: len(ssip.messages) == 2, "the second")
    one.say("three", "en")
    await until(lambda: len(ssip.messages) == 3, "the third")
    assert ssip.commands[-4:] == ["SPEAK", "CANCEL SELF", "SET SELF LANGUAGE en", "SPEAK"]
    # The end of a message that was broken off is not that of the next one.
    ssip.end(2)
    await asyncio.sleep(0.05)
    assert one.speaking
    one.stop()
    await until(lambda: ssip.commands[-1] == "CANCEL SELF", "silence")


async def test_speech_dispatcher_that_was_started_anew_is_found_again(
    ssip: Ssip, closing: list[Speaker]
) -> None:
    one = SpeechDispatcher(160, [str(ssip.path)])
    closing.append(one)
    one.say("one", "vi")
    await until(lambda: len(ssip.messages) == 1, "the message")
    ssip.end(1)
    await until(lambda: not one.speaking, "the end")
    ssip.connections[0].close()
    one.say("two", "vi")
    await until(lambda: len(ssip.messages) == 2, "the message")
    assert len(ssip.connections) == 2


async def test_speech_dispatcher_that_hangs(
    ssip: Ssip,
    closing: list[Speaker],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(speaker, "PATIENCE", 0.2)
    ssip.answers = False
    one = SpeechDispatcher(160, [str(ssip.path)])
    closing.append(one)
    one.say("one", "vi")
    await until(lambda: not one.speaking, "giving up")
    assert "does not answer" in caplog.text


def installed(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program} is installed")


def seconds_of_sound(samples: bytes, rate: int = 22050) -> float:
    """How long something is heard in samples of 16 bits; silence does not count."""
    loud = sum(1 for place in range(0, len(samples), 2) if any(samples[place : place + 2]))
    return loud / rate


@installed("espeak-ng")
async def test_the_real_espeak_speaks_vietnamese(tmp_path: Path, closing: list[Speaker]) -> None:
    """Into a file: a machine that tests run on has no sound card."""
    program, made = tmp_path / "espeak-ng", tmp_path / "sound.wav"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("espeak-ng")} "$@" --stdout > {made}\n')
    program.chmod(0o755)
    sounds = {}
    for language in ("vi", "en"):
        one = EspeakNg(160, str(program))
        closing.append(one)
        one.say(spoken(vi("consent.title"), vi) + "\n" + spoken("1800 1260", vi), language)
        await until(lambda one=one: not one.speaking, "the end", 20)  # type: ignore[misc]
        assert not one._broken
        sounds[language] = made.read_bytes()
        # The program does not know the length when it writes the head, which has 44 bytes.
        assert seconds_of_sound(sounds[language][44:]) > 1
    assert sounds["vi"] != sounds["en"]


@installed("speech-dispatcher")
async def test_the_real_speech_dispatcher_speaks_vietnamese(
    tmp_path: Path, closing: list[Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a sound card that is a file."""
    made, path, settings = tmp_path / "sound.raw", tmp_path / "speechd.sock", tmp_path / "settings"
    (tmp_path / ".asoundrc").write_text(
        f'pcm.!default {{ type file; slave.pcm {{ type null }}; file "{made}"; format raw }}\n'
        "ctl.!default { type null }\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    settings.mkdir()
    (settings / "speechd.conf").write_text(
        'AudioOutputMethod "alsa"\nAddModule "espeak-ng" "sd_espeak-ng" ""\n'
        'DefaultModule "espeak-ng"\n'
    )
    daemon = await asyncio.create_subprocess_exec(
        *("speech-dispatcher", "-s", "-t", "0", "-C", settings, "-L", tmp_path),
        *("-c", "unix_socket", "-S", path, "-P", tmp_path / "pid"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until(path.exists, "the socket", 20)
        one = SpeechDispatcher(160, [str(path)])
        closing.append(one)
        for text, language in ((spoken(vi("consent.title"), vi), "vi"), (".", "en")):
            one.say(text, language)
            await until(lambda: not one.speaking, "the end", 20)
        assert not one._broken
        assert seconds_of_sound(made.read_bytes()) > 1
        await one.close()
    finally:
        daemon.terminate()
        await daemon.wait()


def test_nothing_of_it_is_loaded_unless_it_is_wanted() -> None:
    code = "import sys, kiosk.app, kiosk.assembly; print('kiosk.speech' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
