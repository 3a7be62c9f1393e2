"""Saving and resuming a run, on tf.train.CheckpointManager."""

import json
import logging
import shutil
from pathlib import Path

from support.terminal import Failure, check_writable, reason, say

import filelock
import tensorflow as tf

logging.getLogger("absl").disabled = True  # TensorFlow logs there what Saver.save raises
NAME = "train_data"  # as in the post
SETTINGS = "settings/.ATTRIBUTES/VARIABLE_VALUE"
# What TensorFlow raises if a checkpoint is corrupt, depending on the place.
CORRUPT = (tf.errors.OpError, ValueError, IndexError, RuntimeError)


def list_checkpoints(folder):
    """Returns the path prefixes of the checkpoints train_data-<step> in folder, newest first."""
    found = [path.with_suffix("") for path in folder.glob(f"{NAME}-[0-9]*.index")]
    return sorted(found, key=lambda path: (len(path.name), path.name), reverse=True)


def check_path(folder):
    """Raises a Failure if TensorFlow would take the path for a pattern that matches other paths."""
    if tf.io.gfile.glob(str(folder)) != [str(folder)]:
        raise Failure(f"{folder}: TensorFlow takes this path for a pattern; rename the folder")


def read_settings(path):
    """Returns the settings in a checkpoint, {} if it is another program's, None if it is corrupt.

    Raises PermissionError if it may not be read.
    """
    for file in path.parent.glob(f"{path.name}.*"):
        file.open("rb").close()
    try:
        reader = tf.train.load_checkpoint(str(path))
        return json.loads(reader.get_tensor(SETTINGS)) if reader.has_tensor(SETTINGS) else {}
    except CORRUPT:
        return None


class Saver:
    """Saves a run as train_data-<step>, keeps the newest five, and resumes it bit for bit.

    All of the network's variables are saved, Adam's slots included. `settings`, a dict, must be the
    same when the run is resumed. `log`, where its event files end, is what save was last given.
    """

    def __init__(self, folder, network, settings):
        self.folder, self.settings, self.log = folder, settings, None
        self.step, self.text = tf.Variable(-1, dtype=tf.int64), tf.Variable("")
        variables = {"network": network, "step": self.step, "settings": self.text}
        self.checkpoint = tf.train.Checkpoint(**variables)

    def begin(self, last, resume, overwrite):
        """Returns the first of the steps up to `last` to train: 0, or the one after a checkpoint's.

        Raises a Failure if the folder is in use, or holds checkpoints of another program; or ours
        and neither option is given; or none that can be resumed.
        """
        check_writable(self.folder, "--checkpoint-dir")
        check_path(self.folder)
        self.lock = filelock.FileLock(self.folder / f".{NAME}.lock")  # dies with the process
        try:
            self.lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Failure(f"another run is using {self.folder}; choose another folder") from None
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(self.folder), max_to_keep=5, checkpoint_name=NAME
        )
        known = [*list_checkpoints(self.folder), *map(Path, self.manager.checkpoints)]
        found = {p: read_settings(p) for p in known if Path(f"{p}.index").exists()}
        for path, settings in found.items():
            if settings == {} or (settings is None and overwrite):
                message = f"{path} was not written by this script, or is corrupt; move or delete it"
                raise Failure(f"{message}, or choose another --checkpoint-dir")
        if found and not resume and not overwrite:
            message = f"{self.folder} already contains {', '.join(path.name for path in found)}"
            raise Failure(f"{message}; continue with --resume or start over with --overwrite")
        self.checkpoint.network.train_step.get_concrete_function()  # creates Adam's slots
        if resume:
            self.restore_newest(found)
        if self.step > last:
            raise Failure(f"the checkpoint is past --steps {last}; use --steps {int(self.step)}")
        self.last, self.old = last, found if overwrite else {}
        self.clear_unfinished()
        return int(self.step) + 1

    def restore_newest(self, found):
        """Restores the newest usable checkpoint of {path prefix: settings or None}, if any."""
        for path, settings in found.items():
            for name, value in self.settings.items() if settings else ():
                if settings.get(name) != value:
                    message = f"{path} was trained with {name}={settings.get(name)}, not {value}"
                    raise Failure(f"{message}; use the same settings, or --overwrite to start over")
            try:
                self.checkpoint.restore(str(path)).assert_consumed()
                self.log = settings.get("log")
                return say(f"resuming from {path}")
            except (AssertionError, *CORRUPT):
                say(f"{path} is corrupt, truncated or from a different network; skipping it")
        if found:
            raise Failure(f"no usable checkpoint in {self.folder}; use --overwrite to start over")
        say(f"no checkpoint to resume in {self.folder}; starting from step 0")

    def save(self, step, log):
        """Saves the values at the time of the call; then deletes all but the newest five.

        All but the last are written in the background; raises a Failure if one could not be saved.
        """
        self.step.assign(step)
        self.text.assign(json.dumps(self.settings | {"log": log}))
        options = tf.train.CheckpointOptions(
            experimental_enable_async_checkpoint=step < self.last,  # takes 2 ms, not 40 to 150
            experimental_write_callbacks=[self.delete_old],
        )
        try:
            self.manager.sync()
            self.manager.save(step, options=options)
        except (tf.errors.OpError, OSError) as error:
            self.clear_unfinished()
            message = f"cannot save a checkpoint in {self.folder}: {reason(error)}"
            raise Failure(f"{message}; free some space and continue with --resume") from None

    def delete_old(self, saved):
        """Deletes what --overwrite replaces, as soon as the new run has saved a checkpoint."""
        for path in self.old:
            if path.name != Path(saved).name:
                path.with_suffix(".index").unlink(missing_ok=True)
                path.with_suffix(".data-00000-of-00001").unlink(missing_ok=True)
        self.old = {}

    def clear_unfinished(self):
        """Deletes what a killed or failed save leaves."""
        for path in self.folder.glob(f"{NAME}-[0-9]*_temp"):
            shutil.rmtree(path)
