"""Runs the journey: feeds it events, carries its effects out, and says what to show.

Everything happens on one event loop. Screens, the reader watcher and finished effects
call `dispatch`; it moves the journey, starts effects, and shows one view at the end.
An event that the journey does not accept now is dropped here: it came late.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kiosk import __version__, problems
from kiosk.audit import (
    BROKEN_OFF,
    CRASHED,
    EFFECT_BEGUN,
    EFFECT_DONE,
    INTERRUPTED,
    STARTED,
    STOPPED,
    Journal,
    mask_tax_code,
)
from kiosk.choice import Choice
from kiosk.config import Config
from kiosk.flow import (
    STAFF_STATES,
    UNATTENDED_STATES,
    CertificateChosen,
    Effect,
    Event,
    Failed,
    ForgotUsername,
    Journey,
    LookupAsked,
    LostMailbox,
    NotMyEmail,
    NoToken,
    Overlay,
    PinConfirmed,
    PrintAsked,
    RememberedUsername,
    Retried,
    ServiceLost,
    ServiceRestored,
    SeveralTokensSeen,
    StaffAsked,
    StaffJobAsked,
    StaffTopicAsked,
    State,
    TokenInserted,
    TokenRemoved,
    TokenStuck,
    UsernameChosen,
    UsernameEntered,
)
from kiosk.hardware.readers import ReaderState, ReaderWatcher
from kiosk.idle import IdleClock
from kiosk.machine import Machine
from kiosk.pin import PinBuffer
from kiosk.projection import projected
from kiosk.readiness import Readiness
from kiosk.recorder import Recorder, outcome_of
from kiosk.session import Visit
from kiosk.staff_bell import StaffBell
from kiosk.token_watch import TokenWatch
from kiosk.view import DemoView, StaffCall, View

if TYPE_CHECKING:
    from kiosk.effects import Tools
    from kiosk.hardware.token import Token
    from kiosk.printing.printer import Printer
    from kiosk.staff.health import Health
    from kiosk.staff.mode import StaffRoom, Surroundings

log = logging.getLogger(__name__)


SCREEN_FIRST = 0.1
"""Seconds in which the screen has come; what is made ready for later waits for that."""

Work = Callable[["Visit", "Tools"], Coroutine[Any, Any, Event]]
"""What an effect does outside."""


def recorded() -> dict[Effect, Work]:
    """Return what a journey waits for, between two lines of the journal."""
    # Nothing of it is needed for the first frame.
    from kiosk import delivery, effects  # noqa: PLC0415

    return {
        Effect.READ_TOKEN: effects.read_token,
        Effect.PREPARE_LOGIN: effects.prepare_login,
        Effect.PROVE: effects.prove,
        Effect.SIGN: effects.sign,
        Effect.SEND: delivery.send,
        Effect.RESEND: delivery.resend,
    }


class Controller:
    """One kiosk's journey, hardware and service brought together."""

    def __init__(
        self,
        config: Config,
        watcher: ReaderWatcher,
        show: Callable[[View], None],
        crash: Callable[[BaseException], None],
        *,
        simulated: bool = False,
        machine: Machine | None = None,
        journal: Journal | None = None,
        staff: StaffRoom | None = None,
        printer: Printer | None = None,
    ) -> None:
        """Make a controller that does nothing before `start`.

        Args:
            show: called with the new view after every change.
            crash: called when an effect raises what it should not.
            machine: what may keep the kiosk from serving beside hardware and service.
            journal: where it is written down what was done; None: nowhere.
            simulated: the token is embedded in the program, and the screens say so.
            staff: what staff mode needs; None: it does not open.
            printer: for the slip with the way by telephone; None: there is none.
        """
        self._config = config
        self._watcher = watcher
        self._show = show
        self._crash = crash
        self._simulated = simulated
        self._journey = Journey()
        self._pin = PinBuffer()
        self._visit = Visit(self._pin)
        usual, patience = config.screen.theme, config.time.idle
        languages = (config.kiosk.language, *config.kiosk.languages)
        self._language = Choice(
            tuple(dict.fromkeys(languages)), config.kiosk.language, patience, self.refresh
        )
        self._theme = Choice(
            (usual, "light" if usual == "contrast" else "contrast"), usual, patience, self.refresh
        )
        self._events: deque[Event] = deque()
        self._dispatching = False
        self._work: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._tools: asyncio.Future[Tools] | None = None
        self._machine = machine or Machine()
        self._recorder = Recorder(journal, self._readiness_changed, crash)
        self._tokens = TokenWatch(
            self._journey,
            lambda: self._visit,
            self.dispatch,
            fixed_reader=config.hardware.fixed_reader,
        )
        self._bell = StaffBell(self._equipped, self._recorder, self.refresh)
        self._slips = None
        if printer is not None:
            from kiosk.printing.slips import SlipDesk  # noqa: PLC0415

            self._slips = SlipDesk(printer, self._recorder, self.refresh)
        self._idle = IdleClock(
            config.time,
            self.dispatch,
            self.refresh,
            staff_close=config.staff.auto_close,
            staff_wait=lambda: staff.tries.wait if staff else 0.0,
        )
        self._readiness = Readiness(
            fixed_reader=config.hardware.fixed_reader,
            health_interval=config.service.health_interval,
            changed=self._readiness_changed,
            machine=self._machine,
            recorder=self._recorder,
        )
        self.leave: Callable[[], None] = lambda: None
        """Ends the program in an orderly way; whoever supervises it starts it again."""
        self._began = datetime.now().astimezone()
        self._staff = None
        if staff is not None:
            from kiosk.staff.mode import StaffMode  # noqa: PLC0415

            self._staff = StaffMode(staff, self._surroundings())
        self._demo: DemoView | None = None
        self._staff_asked: StaffTopicAsked | StaffJobAsked = StaffTopicAsked()
        """What staff want to see or to be done."""

    # Life

    def start(self) -> None:
        """Begin to watch the readers. Needs a running loop."""
        loop = asyncio.get_running_loop()
        self._tools = loop.create_future()

        def report(state: ReaderState) -> None:
            loop.call_soon_threadsafe(self._readers_changed, state)

        self._recorder.note(STARTED, detail=__version__)
        self._watcher.start(report)
        self._spawn(self._readiness.watch_machine())
        self._spawn(self._warm_up())
        self._spawn(self._watch_service())

    def equip(self, tools: Tools) -> None:
        """Hand over what the effects work with. Comes after the first frame is drawn,
        since loading it takes longer than drawing a welcome screen."""
        if self._tools is not None and not self._tools.done():
            self._tools.set_result(tools)

    def crashed(self, where: str) -> None:
        """Wipe the visit at once, whatever the journey is doing, and write down where it was."""
        trace = self._visit.trace
        self._stop_work(self._visit.erase())
        self._recorder.note(CRASHED, trace if trace.begun else None, detail=where)
        self._recorder.ended(trace, INTERRUPTED)

    async def stop(self) -> None:
        """End everything: the visit, the helper, the watcher."""
        self._idle.stop()
        self._watcher.stop()
        trace, token = self._visit.trace, self._visit.erase()
        tasks = self._background - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            # What was under way writes its last line; what does not end is not waited for.
            await asyncio.wait(tasks, timeout=1)
        if token is not None:
            await token.close()
        if self._tools is not None and self._tools.done():
            tools = self._tools.result()
            await tools.driver.close()
            await tools.service.close()
            if tools.webhook is not None:
                await tools.webhook.close()
        self._recorder.ended(trace, INTERRUPTED)
        self._recorder.note(STOPPED)
        await self._recorder.stop()
        if self._staff is not None:
            await self._staff.stop()

    # Events

    def dispatch(self, event: Event) -> None:
        """Take an event; what it causes at once is done when this returns."""
        self._events.append(event)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._events:
                self._step(self._events.popleft())
        finally:
            self._dispatching = False
        if self._journey.state is State.WELCOME:
            # Leaving staff mode leads here for a moment, also if the kiosk cannot serve.
            self._recorder.serves()
        self._idle.moved(self._journey.state, self._journey.overlay)
        self.refresh()

    def touched(self) -> None:
        """Somebody pressed a key or touched the screen. The time-out question has its own
        answers, so there it changes nothing."""
        for choice in (self._language, self._theme):
            choice.touched()
        if self._journey.overlay is not Overlay.TIME_OUT:
            self._idle.restart()

    def toggle_language(self) -> None:
        """Speak the next of the configured languages; the step stays."""
        self.choose_language(self._language.next)

    def choose_language(self, language: str) -> None:
        """Speak this one of the configured languages; the step stays."""
        self._language.take(language, unattended=self._unattended)
        self.refresh()

    def toggle_theme(self) -> None:
        """Switch between the usual colours and those of the highest contrast."""
        self._theme.take(self._theme.next, unattended=self._unattended)
        self.refresh()

    @property
    def _unattended(self) -> bool:
        return self._journey.state in UNATTENDED_STATES

    def set_demo(self, demo: DemoView) -> None:
        """Show this on the demo strip."""
        self._demo = demo
        self.refresh()

    def refresh(self) -> None:
        """Show the present view."""
        self._show(self.view)

    def _step(self, event: Event) -> None:
        name = type(event).__name__
        if isinstance(event, StaffAsked) and self._staff is None:
            log.info("there is no staff mode: no PIN is configured")
            return
        if isinstance(event, PrintAsked) and self._slips is None:
            log.info("there is no printer")
            return
        if not self._journey.accepts(type(event)):
            log.info("%s came late at %s", name, self._journey.state.value)
            return
        if isinstance(event, UsernameEntered):
            self._visit.username = event.username
            self._visit.lookup = False
        elif isinstance(event, UsernameChosen):
            if event.username not in self._visit.usernames:
                log.info("%s meant another visit", name)
                return
            self._visit.username = event.username
        elif isinstance(event, LookupAsked):
            self._visit.lookup = True
            self._visit.username = ""
        elif isinstance(event, RememberedUsername) or (
            isinstance(event, Retried) and self._journey.state is State.NO_MATCH
        ):
            self._visit.lookup = False
        elif isinstance(event, CertificateChosen):
            known = {one.identity.fingerprint: one for one in self._visit.certificates}
            if event.fingerprint not in known:
                log.info("%s meant another token", name)
                return
            self._visit.certificate = known[event.fingerprint]
        elif isinstance(event, LostMailbox | NotMyEmail | ForgotUsername | NoToken):
            self._visit.lost_mailbox = isinstance(event, LostMailbox | NotMyEmail)
        elif isinstance(event, StaffTopicAsked | StaffJobAsked):
            self._staff_asked = event
        elif isinstance(event, TokenStuck):
            self._tokens.card_stalled()
        before = self._journey.state
        todo = self._journey.handle(event)
        arrived = self._journey.state is not before
        if arrived and not isinstance(event, PinConfirmed):
            self._pin.wipe()
        log.info(
            "%s: %s -> %s %s",
            name,
            before.value,
            self._journey.state.value,
            self._journey.problem or "",
        )
        self._recorder.step(self._journey, before, event, self._visit.trace)
        if arrived and before is State.HOTLINE and self._slips is not None:
            self._slips.left(self._visit)
        for effect in todo:
            self._carry_out(effect)
        if arrived and self._journey.state not in UNATTENDED_STATES:
            self._language.keep()
            self._theme.keep()
        if arrived and self._journey.state is State.CONSENT:
            self._readiness.look_now()
        elif arrived and self._journey.state is State.USERNAME:
            self._spawn(self._warm_up_service())
        if arrived and self._journey.state is State.STAFF_LOGIN and self._staff is not None:
            self._staff_asked = StaffTopicAsked()
            self._staff.opened()
        if arrived and self._journey.state is State.WELCOME:
            self._visit = Visit(self._pin)
            self._language.restore()
            self._theme.restore()
            self._spawn(self._warm_up())
            self._readiness.look_now()
            self._check_readiness()
            if self._tokens.readers.cards:
                self.dispatch(TokenInserted())
        elif arrived and self._tokens.card_is_gone():
            # It went while the step before did not mind, as when the order was on its way.
            self.dispatch(TokenRemoved())
        elif arrived and self._tokens.has_company():
            self.dispatch(SeveralTokensSeen())
        elif arrived and self._journey.state is State.USERNAME and self._visit.lookup:
            # Who has said that it is forgotten is not asked for it.
            self.dispatch(LookupAsked())

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Effect.AWAIT_TOKEN:
                self._visit.facts = {}
                self._tokens.look_for_token()
            case Effect.AWAIT_REMOVAL:
                self._tokens.look_for_removal()
            case Effect.DROP_TOKEN:
                self._stop_work(self._visit.forget_token())
            case Effect.ERASE_VISIT:
                trace = self._visit.trace
                self._stop_work(self._visit.erase())
                self._recorder.ended(trace)
            case Effect.READ_TOKEN:
                self._visit.facts = {}
                self._run(effect)
            case Effect.PREPARE_LOGIN:
                self._run(effect)
            case Effect.PROVE:
                self._visit.pin_awaited = self._visit.flags.pin_pad
                self._run(effect)
            case Effect.SIGN:
                self._visit.pin_awaited = False
                self._run(effect)
            case Effect.FIND_MAILBOX:
                self._spawn(self._find_mailbox(self._visit))
            case Effect.SEND:
                self._run(effect)
            case Effect.RESEND:
                self._stop_following()
                self._run(effect)
            case Effect.FOLLOW_MAIL:
                self._stop_following()
                self._following = self._spawn(self._follow_mail(self._visit))
            case Effect.CALL_STAFF:
                # Who is on the way is not called again.
                if self._visit.staff not in (StaffCall.CALLING, StaffCall.TOLD):
                    self._spawn(self._bell.ring(self._visit))
            case Effect.CANCEL_STAFF_CALL:
                self._spawn(self._bell.cancel(self._visit))
            case Effect.PRINT_SLIP:
                if self._slips is not None and not self._slips.refuses(self._visit):
                    self._spawn(self._slips.print(self._visit, self.view))
            case _:
                self._carry_out_for_staff(effect)

    def _carry_out_for_staff(self, effect: Effect) -> None:
        staff = self._staff
        if staff is None:
            raise RuntimeError("there is no staff mode")
        match effect:
            case Effect.CHECK_STAFF_PIN:
                staff.check_pin(self._pin)
            case Effect.SHOW_STAFF_PAGE:
                asked = self._staff_asked
                staff.show(asked.topic, getattr(asked, "part", ""))
            case Effect.RUN_STAFF_JOB:
                staff.run(self._staff_asked.topic)
            case Effect.CLOSE_STAFF_MODE:
                staff.close()

    # Effects

    def _run(self, effect: Effect) -> None:
        """Start the one effect that a journey waits for, between two lines of the journal.

        What cannot be written down is not done.
        """

        async def work(visit: Visit) -> None:
            tools = await self._equipped()
            trace = visit.trace
            event: Event | None = None
            try:
                if await self._recorder.write(EFFECT_BEGUN, trace, effect=effect.value):
                    event = await recorded()[effect](visit, tools)
                else:
                    event = Failed(problems.KIOSK_DISK.code)
            finally:
                if visit.certificate is not None and trace is visit.trace:
                    trace.tax_code = mask_tax_code(visit.certificate.identity.tax_code)
                if visit.reset is not None and trace is visit.trace:
                    trace.reference = visit.reset.reference
                self._recorder.note(
                    EFFECT_DONE,
                    trace,
                    effect=effect.value,
                    outcome=outcome_of(event) if event is not None else BROKEN_OFF,
                )
            self.dispatch(event)

        self._work = self._spawn(work(self._visit))

    def _stop_work(self, token: Token | None) -> None:
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()
        self._work = None
        self._stop_following()
        if token is not None:
            self._spawn(token.close())

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash(error)

    async def _equipped(self) -> Tools:
        if self._tools is None:
            raise RuntimeError("the controller was not started")
        return await asyncio.shield(self._tools)

    async def _warm_up(self) -> None:
        await (await self._equipped()).driver.warm_up()

    async def _warm_up_service(self) -> None:
        """Have a connection ready when the PIN is typed, however long that takes."""
        await asyncio.sleep(SCREEN_FIRST)
        await (await self._equipped()).service.warm_up()

    async def _watch_service(self) -> None:
        await self._readiness.watch_service((await self._equipped()).service)

    async def _find_mailbox(self, visit: Visit) -> None:
        """Find out where the mailbox is opened, while the customer reads and confirms."""
        mailboxes = (await self._equipped()).mailboxes
        reset = visit.reset
        if reset is None:
            return
        visit.mailbox = mailboxes.known(reset.mailbox_domain, reset.mailbox_url)
        if visit.mailbox is None:
            found = await mailboxes.find(reset.mailbox_domain)
            if visit.reset is reset:
                visit.mailbox = found
        self.refresh()

    async def _follow_mail(self, visit: Visit) -> None:
        """Show how far the mail is, as the service tells it."""
        from kiosk import delivery  # noqa: PLC0415

        async for event in delivery.follow(visit, await self._equipped()):
            if event is not None and self._journey.accepts(type(event)):
                self.dispatch(event)
            else:
                self.refresh()

    def _stop_following(self) -> None:
        if self._following is not None and self._following is not asyncio.current_task():
            self._following.cancel()
        self._following = None

    # Hardware

    def _readers_changed(self, state: ReaderState) -> None:
        self._readiness.readers_changed(state)
        self._tokens.changed(state)

    def _readiness_changed(self) -> None:
        self._check_readiness()
        # What the service offers may have changed as well.
        self.refresh()

    def _check_readiness(self) -> None:
        problem = self._readiness.problem
        if problem is None:
            if self._journey.accepts(ServiceRestored):
                self.dispatch(ServiceRestored())
        elif self._journey.accepts(ServiceLost) and self._journey.problem != problem.code:
            self.dispatch(ServiceLost(problem.code))

    # View

    @property
    def view(self) -> View:
        """What the screen shows now."""
        return projected(
            self._journey,
            self._visit,
            self._config,
            language=self._language,
            theme=self._theme,
            capabilities=self._readiness.capabilities,
            countdown=self._idle.countdown,
            simulated=self._simulated,
            demo=self._demo,
            out_of_service=self._readiness.facts,
            hours=self._machine.hours.on(datetime.now().astimezone()),
            staff_mode=self._staff.view
            if self._staff is not None and self._journey.state in STAFF_STATES
            else None,
        )

    # Staff mode

    def _surroundings(self) -> Surroundings:
        from kiosk.staff.mode import Surroundings  # noqa: PLC0415

        return Surroundings(
            health=self._health,
            readers=lambda: self._tokens.readers,
            tools=self._equipped,
            fixed_reader=self._config.hardware.fixed_reader,
            machine=self._machine,
            spawn=self._spawn,
            raise_event=self.dispatch,
            changed=self.refresh,
            switched=self._readiness.look_at_machine,
            restart=self._leave,
            record=self._recorder.note,
        )

    def _leave(self) -> None:
        self.leave()

    def _health(self) -> Health:
        from kiosk.staff.health import Health  # noqa: PLC0415

        now = datetime.now().astimezone()
        return Health(
            readers=self._tokens.readers,
            troubles=self._readiness.troubles,
            service_known=self._readiness.service_known,
            kiosk_id=self._config.kiosk.id,
            since=self._began,
            now=now,
            free=self._machine.free,
            hours=self._machine.hours.on(now),
        )
