"""The steps, one after the other. Each leaves the machine whole: what it makes gets its name when it is finished."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import msgspec
from msgspec import structs

import ishowtts
from ishowtts import __version__, children, config, configure, files, voices
from ishowtts.config import ConfigError
from ishowtts.device.child import ChildFailed
from ishowtts.doctor import on_torch
from ishowtts.places import Places
from ishowtts.setup import journal, models, plan, preflight, runtime, sandbox, service, weights
from ishowtts.setup.errors import FAILED, REFUSED, SetupError
from ishowtts.setup.models import Licence
from ishowtts.setup.plan import ACTIVATE, PREFLIGHT, RUNTIME, SMOKE, WEIGHTS, Facts, Failure, Journal, Wish
from ishowtts.setup.progress import Progress

PROBE_S, SMOKE_S = 180.0, 900.0
_PROBE = Path(ishowtts.__file__).parent / "engine/torch_probe.py"


class Setup:
    """``agrees``: shows a licence and says whether it is accepted."""

    def __init__(self, places: Places, wish: Wish, shown: Progress, agrees: Callable[[Licence], bool]) -> None:
        self.places, self.wish, self._shown, self._agrees = places, wish, shown, agrees
        self.model = models.MODELS[wish.model]
        self.journal: Journal = journal.read(places.journal)
        self.fragment = models.fragment(self.model, str(places.models))
        self.runtime = plan.runtime_id(runtime.abi(), wish.wheels, self.fragment)
        self._steps = {
            PREFLIGHT: self._preflight, RUNTIME: self._build, WEIGHTS: self._fetch, SMOKE: self._smoke,
            ACTIVATE: self._activate,
        }  # fmt: skip

    def run(self) -> None:
        """Do what is open. Raises SetupError; the runtime that was in use stays in use until the very last step."""
        self._note(wish=self.wish, failed=None)
        for step in plan.STEPS:
            if step in self.done():
                continue
            self._shown.line(f"{step}: begins")
            try:
                self._shown.line(f"{step}: {self._steps[step]()}")
            except SetupError as error:
                self._note(failed=Failure(step, error.what, error.mend))
                raise

    def done(self) -> frozenset[str]:
        return plan.done(self.runtime, self.model, self.journal, self.facts())

    def facts(self) -> Facts:
        places = [file.place for file in self.model.files] + [self.model.config_place] * bool(self.model.config)
        there = {place: self.places.models / place for place in places}
        return Facts(
            has_runtime=runtime.is_whole(self.places.runtimes / self.runtime),
            sizes={place: path.stat().st_size for place, path in there.items() if path.is_file()},
            current=runtime.current(self.places),
            version=__version__,
        )

    # --- the steps: each says in a few words how it went ------------------------------------------------------------

    def _preflight(self) -> str:
        checks = preflight.judge(preflight.read(self.places), self._needed_bytes())
        for check in checks:
            if check.level == "fail":
                raise SetupError(f"{check.text}.", check.mend, REFUSED)
        for check in checks:
            if check.level == "warn":
                self._shown.line(f"  note: {check.text}. {check.mend}")
        for licence in self.model.licences:
            self._settle_licence(licence)
        return "; ".join(check.text for check in checks)

    def _needed_bytes(self) -> int:
        """What is still to be written: weights that are not there yet, wheels unpacked."""
        facts, needed = self.facts(), 0
        for file in self.model.files:
            part = self.places.models / f"{file.place}.part"
            have = part.stat().st_size if part.exists() else 0
            needed += 0 if file.place in facts.sizes else max(file.about_bytes - have, 0)
        for wheel in self.wish.wheels if not facts.has_runtime else ():
            needed += runtime.unpacked_bytes(wheel)
        return needed

    def _settle_licence(self, licence: Licence) -> None:
        if licence.of in self.journal.accepted:
            return
        if not self._agrees(licence):
            mend = "Read it, then: sudo ishowctl setup --accept-licence (or --model demo, which has no such terms)"
            raise SetupError(f"the licence of the {licence.of}, {licence.name}, was not accepted.", mend, REFUSED)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._note(accepted={**self.journal.accepted, licence.of: f"{licence.name} at {now}"})

    def _build(self) -> str:
        folder = runtime.build(self.places, self.runtime, self.wish.wheels, self.fragment)
        self._note(torch=self._probe(folder))
        runtime.finish(self.places, self.runtime)
        return f"{self.runtime}, torch {self.journal.torch}"

    def _probe(self, folder: Path) -> str:
        """Its torch in words; raises SetupError when there is none or it does not fit the GPU."""
        engine = self._config(folder / "ishowtts.yaml").engine
        if engine.kind == "fake":
            return "not needed by the fake engine"
        mend = "Install NVIDIA's for this JetPack, or bring its wheel: sudo ishowctl setup --torch wheel:FILE"
        try:
            answer = sandbox.run(self.places, [str(folder / "bin/python"), str(_PROBE)], PROBE_S)
        except ChildFailed as failure:
            raise SetupError(f"{folder / 'bin/python'} did not say what its torch is: {failure}.", mend) from None
        if "error" in answer:
            what = "the device's Python" if not self.wish.wheels else "the runtime"
            raise SetupError(f"{what} cannot import torch ({answer['error']}).", mend, REFUSED)
        if answer.get("numpy") is None:
            raise SetupError("torch's numpy is missing.", "sudo apt install python3-numpy", REFUSED)
        is_jetson = preflight.read(self.places).l4t is not None
        check = on_torch.cuda(answer, engine.device, is_jetson)
        if check.level == "fail":
            raise SetupError(f"{check.text}.", mend, REFUSED)
        return check.text if check.level == "ok" else f"{answer['torch']} for the CPU"

    def _fetch(self) -> str:
        for place in plan.missing(self.model, self.journal, self.facts()):
            for file in self.model.files:
                if file.place == place:
                    kept = weights.get(file, self.places.models, self.wish.source, self._shown)
                    self._note(files={**self.journal.files, place: kept})
        weights.put_config(self.model, self.places.setup_data, self.places.models)
        unproven = [file.name for file in self.model.files if self.journal.files[file.place].proof == "length"]
        note = f"; no checksum is known of {', '.join(unproven)}" if unproven else ""
        return f"{self.model.name}: {len(self.model.files)} files{note}"

    def _smoke(self) -> str:
        fragment = self.places.runtimes / self.runtime / "ishowtts.yaml"
        settings, base = self._config(fragment), self.places.config.parent
        try:
            known = voices.load(settings.voices, base)
            if settings.voices.default not in known:
                raise SetupError("there is no voice to speak with.", "Add one to /var/lib/ishowtts/voices.", REFUSED)
            message = configure.engine(settings.engine, [known[settings.voices.default]], base)
        except (ConfigError, files.BadPath) as error:
            raise SetupError(f"{error}.", "Mend that line, then run setup again.", REFUSED) from None
        self._shown.line(f"  the new runtime speaks one sentence {sandbox.describe(self.places)}")
        if self.model.checkpoint and settings.engine.checkpoint != str(self.places.models / self.model.checkpoint):
            self._shown.line(
                f"  note: your configuration names another engine.checkpoint, {settings.engine.checkpoint}"
            )
        python = settings.engine.python or str(fragment.parent / "bin/python")
        command = children.command(str(base / python), "ishowtts.setup.smoke", msgspec.json.encode(message).decode())
        try:
            answer = sandbox.run(self.places, command, SMOKE_S)
        except ChildFailed as failure:
            raise SetupError(f"the smoke test gave no answer: {failure}.", "Look at: sudo journalctl -n 30") from None
        if "what" in answer:
            mend = str(answer.get("mend"))
            if "ishowctl setup" in mend:
                mend = "Mend the configuration's engine section or the unit's drop-in, then run setup again."
            raise SetupError(str(answer["what"]), mend, FAILED)
        spoke = f"{answer['model']} on {answer['device']}: {answer['audio_s']:.1f} s in {answer['compute_s']:.2f} s"
        self._note(smoked=self._fingerprint(), spoke=spoke)
        return spoke

    def _activate(self) -> str:
        before = runtime.current(self.places)
        previous = before if before != self.runtime else self.journal.previous
        self._note(previous=previous)
        runtime.use(self.places, self.runtime)
        try:
            said = service.restart(self.places)
        except SetupError:
            runtime.use(self.places, before)
            with suppress(SetupError):
                service.restart(self.places)
            raise
        self._note(activated=self._fingerprint())
        runtime.collect(self.places, {self.runtime, previous})
        return f"{self.runtime} is in use; {said}"

    # --- within ---------------------------------------------------------------------------------------------------

    def _fingerprint(self) -> str:
        return plan.fingerprint(self.runtime, self.model, self.journal, __version__)

    def _config(self, fragment: Path) -> config.Config:
        try:
            return config.load(self.places.config, fragment)
        except ConfigError as error:
            raise SetupError(f"{error}.", "Mend that line, then run setup again.", REFUSED) from None

    def _note(self, **changes: object) -> None:
        self.journal = structs.replace(self.journal, **changes)
        journal.write(self.places.journal, self.journal)
