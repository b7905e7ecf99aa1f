"""A CheckpointHook that removes nothing before its successor is whole on disk."""

from __future__ import annotations

import os
import os.path as osp

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmlt.registry import HOOKS

_BACKEND = 'mmlt_whole_file'


def _write_whole(content: bytes, path: str) -> None:
    """Write beside ``path`` and move into place: a reader sees the old file or the new one."""
    folder, name = osp.split(str(path))
    os.makedirs(folder or '.', exist_ok=True)
    beside = osp.join(folder, f'.{name}.tmp')  # one name: a killed run leaves one such file at most
    with open(beside, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


@register_backend(_BACKEND, force=True)
class WholeFileBackend(LocalBackend):
    """mmengine's local files, written whole or not at all."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write bytes, see :class:`mmengine.fileio.LocalBackend`."""
        _write_whole(obj, filepath)


class _RemoveLater:
    """A file backend whose removals wait for :meth:`finish`."""

    def __init__(self, backend: LocalBackend) -> None:
        self._backend = backend
        self._removals = []

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._removals.append((self._backend.remove, path))

    def rmtree(self, path: str) -> None:
        self._removals.append((self._backend.rmtree, path))

    def finish(self, keep: set[str]) -> None:
        """Do the removals, but for the paths that have been written anew meanwhile."""
        for remove, path in self._removals:
            if path not in keep:
                remove(path)


@HOOKS.register_module(name=['AtomicCheckpointHook', 'SafeCheckpointHook'])  # the old name too
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, safe against a kill at any moment of saving.

    With ``max_keep_ckpts=1`` mmengine deletes the old checkpoint before it writes the new one, and
    writes that one (and ``last_checkpoint``) in place. Here, on a local disk: the new checkpoint is
    written beside and moved into place, then ``last_checkpoint`` likewise, then old ones go.

    Right before a save every rank passes the hook stage ``before_collective_save(runner)``, where
    hooks may gather; mmengine's own ``before_save_checkpoint`` runs on rank 0 only.

    Args: those of :class:`mmengine.hooks.CheckpointHook`.

    Differs from reference: for the length of a save one checkpoint more lies on disk. With
    ``backend_args`` or ``file_client_args``, or on remote storage, the file itself is
    written by that backend; the order write, point, remove holds everywhere.
    """

    def before_train(self, runner: Runner) -> None:
        """Choose the backend that writes whole files, if the folder is a local one."""
        if self.backend_args is None and self.file_client_args is None:
            if type(get_file_backend(self.out_dir or runner.work_dir)) is LocalBackend:
                self.backend_args = {'backend': _BACKEND}
        super().before_train(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        runner.call_hook('before_collective_save')
        stale = self._stale_checkpoint(runner, step)
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            _write_whole(self.last_ckpt.encode(), osp.join(runner.work_dir, 'last_checkpoint'))
            if stale is not None and self.file_backend.isfile(stale):
                self.file_backend.remove(stale)

    def _stale_checkpoint(self, runner: Runner, step: int) -> str | None:
        """Note ``step`` as kept; return the path of the checkpoint that it displaces."""
        kept = getattr(self, 'keep_ckpt_ids', None)
        if kept is None or step in kept:
            return None
        stale = kept[0] if len(kept) == self.max_keep_ckpts else None
        kept.append(step)  # a deque of length max_keep_ckpts: drops the oldest
        runner.message_hub.update_info('keep_ckpt_ids', list(kept))
        if stale is None:
            return None
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(stale))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:
            return
        runner.call_hook('before_collective_save')
        backend, self.file_backend = self.file_backend, _RemoveLater(self.file_backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
            written = getattr(self, 'best_ckpt_path_dict', {}).values()
            self.file_backend.finish(keep={getattr(self, 'best_ckpt_path', None), *written})
        finally:
            self.file_backend = backend
