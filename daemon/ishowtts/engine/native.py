"""Our engine: F5-TTS checkpoints unchanged, our own lean forward. Text in, PCM out, one chunk at a time."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from ishowtts import ipc, schedules
from ishowtts.engine import arch, checkpoints, mel, vocos
from ishowtts.engine.base import Comparison, OnStep, OutOfMemory, SetupRequired, Speech
from ishowtts.engine.compare import compare
from ishowtts.engine.model import DiT
from ishowtts.engine.ops import Ops, TorchOps
from ishowtts.engine.reference_clip import ClipError, Reference, prepare
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import KEPT, Item
from ishowtts.engine.tokens import Vocabulary
from ishowtts.wire.errors import Refusal

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
COMPARED_KEPT = 16  # mels of some 3 s: 100 KiB each
BATCH_MAX = 8  # on a GPU; a CPU is busy with one
UNTRAINED = "UNTRAINED"  # in a model's name: made for tests, it speaks noise


class NativeEngine:
    """Raises SetupRequired when something it needs is missing or does not fit."""

    def __init__(self, configure: ipc.Configure, say: ipc.Say) -> None:
        _keep_compiled_kernels()
        if configure.threads:
            torch.set_num_threads(configure.threads)
        self.device = pick_device(configure.device)
        self.dtype_name = configure.dtype if configure.dtype != "auto" else _best_dtype(self.device)
        say("loading the model.")
        self._fingerprint = checkpoints.fingerprint(configure, self.dtype_name)
        self.vocabulary = Vocabulary.read(Path(configure.vocab))
        self.config = arch.read(Path(configure.model_config), len(self.vocabulary))
        self.dit = load_dit(self.config.dit, Path(configure.checkpoint), self.device, _DTYPES[self.dtype_name])
        self.sampler = Sampler(self.dit)
        say("loading the vocoder.")
        self.vocos = load_vocos(Path(configure.vocoder), self.config, self.device)
        say("preparing the voices.")
        self._problems: list[ipc.VoiceInfo] = []
        self._compared: dict[tuple[object, ...], Tensor] = {}  # what schedules are compared with
        self.references = {ref.name: ref for voice in configure.voices if (ref := self._prepare(voice))}
        self._captured_at_start = self._compiled_at_start = 0
        self._warm_up(configure.capture_s, say)
        self._captured_at_start, self._compiled_at_start = self.sampler.steps.captures, self.dit.ops.compiled()

    def ready(self) -> ipc.Ready:
        untrained = UNTRAINED in self.config.name
        note = "this model is untrained: it speaks noise, to show that everything else works." if untrained else ""
        return ipc.Ready(
            model=self.config.name,
            device=device_name(self.device),
            dtype=self.dtype_name,
            torch=str(torch.__version__),
            characters=self.vocabulary.characters,
            pinyin=self.vocabulary.pinyin,
            voices=[*(ref.info() for ref in self.references.values()), *self._problems],
            note=note,
            batch_max=BATCH_MAX if self.device.type == "cuda" else 1,
            kernels=self.dit.ops.name,
            fingerprint=self._fingerprint,
            counters=self.counters(),
        )

    def counters(self) -> ipc.Counters:
        steps = self.sampler.steps
        return ipc.Counters(
            graphs=len(steps),
            captures=steps.captures - self._captured_at_start,
            recompiles=self.dit.ops.compiled() - self._compiled_at_start,
            peak_mib=round(torch.cuda.max_memory_allocated(self.device) / 2**20, 1)
            if self.device.type == "cuda"
            else 0.0,
        )

    def speak(self, job: ipc.Speak, on_step: OnStep) -> Speech:
        return self.speak_many([job], on_step)[0]

    def speak_many(self, jobs: Sequence[ipc.Speak], on_step: OnStep) -> list[Speech]:
        """Several at once: same NFE and guidance; each comes out as it would alone."""
        with suppress(torch.cuda.OutOfMemoryError):
            return to_speeches(self.synthesize(jobs, on_step), jobs)
        torch.cuda.empty_cache()  # after the exception is gone: it holds on to everything it passed through
        raise OutOfMemory("the GPU has too little free memory for this text: send it again later.")

    @torch.inference_mode()
    def synthesize(self, jobs: Sequence[ipc.Speak], on_step: OnStep) -> list[Tensor]:
        """[samples] at the job's rate, on the engine's device, as f5-tts's infer_batch_process does for one text."""
        references = [self.references[job.voice] for job in jobs]
        items = [
            self._item(reference, job.text, job.seed, job.speed)
            for reference, job in zip(references, jobs, strict=True)
        ]
        schedule = schedules.given(jobs[0].times, jobs[0].nfe)
        mels = self.sampler.sample(items, schedule, jobs[0].cfg, on_step)
        waves = self.vocos([made[reference.frames :] for made, reference in zip(mels, references, strict=True)])
        rate = self.config.mel.target_sample_rate
        return [
            mel.resample(wave * reference.gain, rate, job.rate)
            for wave, reference, job in zip(waves, references, jobs, strict=True)
        ]

    @torch.inference_mode()
    def compare(self, job: ipc.Compare, on_step: OnStep) -> Comparison:
        reference = self.references[job.voice]
        item = self._item(reference, job.text, job.seed, 1.0)
        far = len(job.reference) - 1
        total = far + len(job.times) - 1

        def make(times: tuple[float, ...], before: int) -> Tensor:
            schedule = schedules.given(times, 0)
            made = self.sampler.sample([item], schedule, job.cfg, lambda done, _: on_step(before + done, total))
            return made[0][reference.frames :]

        key = (job.voice, job.text, job.seed, job.cfg, job.reference)
        if key not in self._compared:
            self._compared[key] = make(job.reference, 0).clone()
            while len(self._compared) > COMPARED_KEPT:
                self._compared.pop(next(iter(self._compared)))
        mel_made = make(job.times, far)
        return compare(mel_made, self._compared[key], self.vocos([mel_made])[0])

    def _item(self, reference: Reference, text: str, seed: int, speed: float) -> Item:
        return Item(
            cond=reference.mel,
            tokens=self.vocabulary.encode(reference.text + text),
            frames=reference.total_frames(text, speed),
            seed=seed,
        )

    def _prepare(self, voice: ipc.VoiceFiles) -> Reference | None:
        """A voice that cannot be used is reported and does not stop the others."""
        try:
            reference = prepare(voice, self.config.mel, self.device)
            self.vocabulary.encode(reference.text)
        except Exception as error:  # noqa: BLE001 (an odd recording is that voice's problem, not everybody's)
            known = isinstance(error, ClipError | Refusal)
            problem = str(error) if known else f"{voice.audio}: {type(error).__name__}: {error}"
            self._problems.append(ipc.VoiceInfo(name=voice.name, problem=problem))
            return None
        return reference

    def _warm_up(self, capture_s: float, say: ipc.Say) -> None:
        """The first pass picks kernels and allocates, and shapes are captured: better now than while somebody waits."""
        for reference in list(self.references.values())[:1]:
            job = ipc.Speak(
                job=0, text=reference.text, voice=reference.name, seed=0, nfe=2, cfg=2.0, speed=1.0,
                sample_format="pcm_s16le", rate=24000,
            )  # fmt: skip
            self.speak(job, lambda _done, _total: None)
        if self.device.type == "cuda" and self.dit.ops.granularity > 1:
            say("capturing the GPU's work for the usual lengths.")
            with suppress(torch.cuda.OutOfMemoryError):  # what does not fit now is captured when it is asked for
                self.sampler.capture(self._usual_lengths(capture_s))

    def _usual_lengths(self, capture_s: float) -> list[int]:
        """Frames of reference and speech, for every voice and up to ``capture_s`` of speech; as many as are kept.

        The longest first: the memory of the others is part of its.
        """
        grain, mels = self.dit.ops.granularity, self.config.mel
        longest = int(capture_s * mels.target_sample_rate / mels.hop_length)
        lengths = {
            -(-(reference.frames + frames) // grain) * grain
            for reference in self.references.values()
            for frames in range(grain, longest + 1, grain)
        }
        return sorted(lengths)[: KEPT - 8][::-1]


def _keep_compiled_kernels() -> None:
    """In the service's cache folder (ISHOWTTS_CACHE, or systemd's), so that a restart does not compile them again."""
    folder = os.environ.get("ISHOWTTS_CACHE") or os.environ.get("CACHE_DIRECTORY")
    if folder:
        os.environ.setdefault("TRITON_CACHE_DIR", f"{folder}/triton")


def load_dit(config: arch.DiTConfig, file: Path, device: torch.device, dtype: torch.dtype) -> DiT:
    with torch.device("meta"):
        dit = DiT(config)
    return checkpoints.load_dit(dit, file).to(device, dtype).fuse(pick_ops(config, device, dtype))


def load_vocos(folder: Path, config: arch.ModelConfig, device: torch.device) -> vocos.Vocos:
    """In fp32 always: it is one per cent of the time and the last thing the ear hears."""
    settings = vocos.read_config(folder / "config.yaml")
    if (settings.input_channels, settings.hop_length) != (config.mel.n_mel_channels, config.mel.hop_length):
        raise SetupRequired(
            f"{folder / 'config.yaml'} is for {settings.input_channels} mels with hop {settings.hop_length}, the model "
            f"makes {config.mel.n_mel_channels} with hop {config.mel.hop_length}."
        )
    with torch.device("meta"):
        module = vocos.Vocos(settings)
    return checkpoints.load_vocos(module, folder).to(device, torch.float32).eval().requires_grad_(False)


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where a CUDA build of torch runs on a GPU, else the CPU. Never a silent change of a named one."""
    if name == "auto":
        if torch.version.cuda and not torch.cuda.is_available() and Path("/etc/nv_tegra_release").exists():
            raise SetupRequired(
                "this is a Jetson, but its torch cannot use the GPU.",
                "Install NVIDIA's torch, or set engine.device: cpu.",
            )
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        build = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a CPU build"
        raise SetupRequired(
            f"engine.device is {name}, but torch {torch.__version__} {build} and finds no GPU.",
            "Install a torch for this GPU, or set engine.device: cpu.",
        )
    return torch.device(name)


def pick_ops(config: arch.DiTConfig, device: torch.device, dtype: torch.dtype) -> Ops:
    """Triton's kernels where they run, else plain torch: the status says which.

    Not every JetPack wheel of torch comes with Triton, and Triton builds its launchers with a C compiler.
    """
    fits = config.dim_head in (16, 32, 64, 128) and dtype != torch.float32
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if device.type == "cuda" and fits and compiler and importlib.util.find_spec("triton"):
        from ishowtts.engine.ops_triton import TritonOps

        probe = torch.ones(config.dim, device=device, dtype=dtype)
        try:
            ops = TritonOps(device, torch.cuda.get_device_properties(device).multi_processor_count)
            ops.norm(probe[None], probe, probe)
        except Exception:  # noqa: BLE001 (no Python headers, an old GPU, a driver that does not fit: the log has it)
            traceback.print_exc()
        else:
            return ops
    return TorchOps()


def _best_dtype(device: torch.device) -> str:
    return "fp16" if device.type == "cuda" else "fp32"


def device_name(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def to_speeches(waves: Sequence[Tensor], jobs: Sequence[ipc.Speak]) -> list[Speech]:
    """Measured and converted where the samples are, so that only the finished bytes travel; waited for once."""
    made = [_converted(wave, job) for wave, job in zip(waves, jobs, strict=True)]
    if waves[0].is_cuda:
        torch.cuda.current_stream().synchronize()
    return [
        # A NaN anywhere must show; an infinity has no place in full scale either.
        Speech(pcm.numpy().tobytes(), len(pcm) / job.rate, float(peak) if torch.isfinite(peak) else math.nan)
        for (pcm, peak), job in zip(made, jobs, strict=True)
    ]


def _converted(wave: Tensor, job: ipc.Speak) -> tuple[Tensor, Tensor]:
    """Samples in the job's format and their peak before that, on their way to the CPU."""
    peak = wave.abs().max() if len(wave) else wave.new_zeros(())
    if job.sample_format == "pcm_s16le":
        wave = (wave.clamp(-1, 1) * 32767).round().to(torch.int16)
    return wave.to("cpu", non_blocking=True), peak.to("cpu", non_blocking=True)
