"""Folds and seeds on a Ray cluster: a task each, and one keeper of what they write.

A worker trains in a folder of its own machine. After every epoch what is new in it goes to the keeper, an
actor on the machine that asked, which puts it where a local training would have; a worker whose predecessor
was lost begins with what the keeper has. So no file system need be shared, and the files are the same.

Ray is an extra: requirements/lock-cluster.txt.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from evface.dataset.naming import TakeId
from evface.dataset.splits import Fold
from evface.errors import ConfigError, DeviceError, EvfaceError
from evface.training.au import train_fold
from evface.training.clips import Clip
from evface.training.config import TrainingConfig
from evface.training.run_folder import METRICS, finished, fold_folder, identity_of
from evface.training.watching import Epoch, Watch

RETRIES: Final = 3
"""How often a fold is begun anew whose worker was lost."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where folds are trained, as a `evface.training.au.Runner`.

    Attributes:
        address: of a running cluster, "10.0.0.5:6379", or "auto" for the one of this machine; None: one of
            this machine alone, started for the purpose.
        cpus: of a fold, threads of its torch.
        gpus: of a fold; a share such as 0.14 puts seven side by side on one. None: one, where there are any.
    """

    address: str | None = None
    cpus: int = 1
    gpus: float | None = None

    def __call__(
        self,
        clips: Mapping[TakeId, Clip],
        config: TrainingConfig,
        runs: Sequence[tuple[Fold, int]],
        out: Path,
        watch: Watch,
    ) -> list[dict[str, Any]]:
        """Train and judge every fold and seed that is not done yet.

        Args:
            clips: all that the folds name.
            config: the network and how it learns.
            runs: folds and seeds.
            out: folder of the run, on this machine.
            watch: told after every epoch of any of them.

        Returns:
            What each metrics.json says.

        Raises:
            ConfigError: Ray is not installed.
            DeviceError: there is no such cluster, none can be started, or a worker was lost again and again.
        """
        ray = _ray()
        for fold, seed in runs:
            if finished(fold_folder(out, fold, seed), identity_of(config, fold, seed)) is not None:
                watch(Epoch(fold.name, seed, config.epochs, config.epochs))
        ours = not ray.is_initialized()
        try:
            if ours:
                self._connect(ray)
            self._train(ray, clips, config, runs, out, watch)
        except (ConnectionError, ray.exceptions.RaySystemError) as error:
            raise DeviceError(
                f"the Ray cluster {self.address or 'here'}: {' '.join(str(error).split())}"
            ) from error
        finally:
            if ours:
                ray.shutdown()
        return [
            finished(fold_folder(out, fold, seed), identity_of(config, fold, seed)) or {}
            for fold, seed in runs
        ]

    def _connect(self, ray: Any) -> None:
        dashboard = _no_dashboard(self.address)
        try:
            ray.init(address=self.address, log_to_driver=False, include_dashboard=dashboard)
        except Exception as error:  # a node that did not start in time is a bare Exception
            what = f"no Ray cluster at {self.address}" if self.address else "a Ray cluster did not start here"
            raise DeviceError(f"{what}: {' '.join(str(error).split())[:300]}") from error

    def _train(
        self,
        ray: Any,
        clips: Mapping[TakeId, Clip],
        config: TrainingConfig,
        runs: Sequence[tuple[Fold, int]],
        out: Path,
        watch: Watch,
    ) -> None:
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        keeper = ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=here).remote(str(out.resolve()))
        gpus = float(ray.cluster_resources().get("GPU", 0) > 0) if self.gpus is None else self.gpus
        task = ray.remote(_train_elsewhere).options(
            num_cpus=self.cpus, num_gpus=gpus, max_retries=RETRIES, name="train_fold"
        )
        shared = ray.put(dict(clips))
        waiting = [
            task.remote(shared, config, fold, seed, keeper, self.cpus)
            for fold, seed in runs
            if not (fold_folder(out, fold, seed) / METRICS).exists()
        ]
        while waiting:
            done, waiting = ray.wait(waiting, timeout=0.5)
            for epoch in ray.get(keeper.news.remote()):
                watch(epoch)
            for result in done:
                try:
                    ray.get(result)
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, EvfaceError):
                        raise error.cause from None
                    raise
                except ray.exceptions.RayError as error:
                    raise DeviceError(
                        f"a fold's worker was lost {RETRIES + 1} times: {' '.join(str(error).split())[:300]}"
                    ) from error


class Keeper:
    """Puts what workers write where it belongs.

    Args:
        out: folder of the run.
    """

    def __init__(self, out: str) -> None:
        self._out = Path(out)
        self._news: list[Epoch] = []

    def files(self, fold: str) -> dict[str, bytes]:
        """What there is of a fold: contents by path within its folder."""
        return contents(self._out / fold)

    def keep(self, fold: str, files: dict[str, bytes], gone: list[str]) -> None:
        """Write files of a fold, each whole or not at all, its metrics last; and remove what is gone."""
        write(self._out / fold, files)
        for name in gone:
            (self._out / fold / name).unlink(missing_ok=True)

    def tell(self, epoch: Epoch) -> None:
        """Remember news."""
        self._news.append(epoch)

    def news(self) -> list[Epoch]:
        """What was told since the last time."""
        found, self._news = self._news, []
        return found


def contents(folder: Path) -> dict[str, bytes]:
    """Contents of all files of a folder by their paths in it, unfinished ones left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".partial"
    }


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, each whole or not at all; ``metrics.json``, which says that a fold is done, last."""
    for name in sorted(files, key=lambda name: name == METRICS):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        temporary.write_bytes(files[name])
        os.replace(temporary, path)


def _train_elsewhere(
    clips: Mapping[TakeId, Clip], config: TrainingConfig, fold: Fold, seed: int, keeper: Any, cpus: int
) -> None:
    """What a worker does."""
    ray = _ray()
    torch.set_num_threads(cpus)
    with tempfile.TemporaryDirectory(prefix="evface-") as temporary:
        out = Path(temporary)
        folder = fold_folder(out, fold, seed)
        write(folder, ray.get(keeper.files.remote(folder.name)))
        known = contents(folder)

        def send() -> None:
            found = contents(folder)
            new = {name: content for name, content in found.items() if known.get(name) != content}
            ray.get(keeper.keep.remote(folder.name, new, [name for name in known if name not in found]))
            known.clear()
            known.update(found)

        def told(epoch: Epoch) -> None:
            send()
            ray.get(keeper.tell.remote(epoch))

        train_fold(clips, config, fold, seed, out, told)
        send()


def _ray() -> Any:
    # An extra, and large.
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ConfigError(
            "backend ray: Ray is not installed; uv pip install --no-deps -r requirements/lock-cluster.txt"
        ) from error
    return ray


def _no_dashboard(address: str | None) -> bool | None:
    """Only a cluster that we start can be told to have no dashboard."""
    return False if address is None else None
