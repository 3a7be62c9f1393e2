"""Saving, resuming and restoring a run, on tf.train.CheckpointManager."""

import glob
import json
import logging
import os
import platform
import re
from pathlib import Path

from support.files import check_folder
from support.terminal import Failure, reason, say

import filelock
import numpy as np
import tensorflow as tf

logging.getLogger("absl").disabled = True  # TensorFlow logs there what Saver.save raises
NAME = "train_data"  # as in the post
KEEP = 5  # checkpoints
SETTINGS = "settings/.ATTRIBUTES/VARIABLE_VALUE"
# What TensorFlow raises if a checkpoint is corrupt, depending on the place.
CORRUPT = (tf.errors.OpError, ValueError, IndexError, RuntimeError)
# How TensorFlow 0.x and 1.x name the post's variables in a checkpoint: by scope, in creation order.
NAMES_OF_2016 = {
    "W_conv1": "convolution1/Variable",
    "b_conv1": "convolution1/Variable_1",
    "W_conv2": "convolution2/Variable",
    "b_conv2": "convolution2/Variable_1",
    "W_fc1": "fully-connected/Variable",
    "b_fc1": "fully-connected/Variable_1",
    "W_fc2": "readout/Variable",
    "b_fc2": "readout/Variable_1",
}


def list_checkpoints(folder):
    """Returns the path prefixes of the checkpoints train_data-<step> in folder, newest first.

    Other names are ignored: train_data-100-best, for example, is a backup of the user's.
    """
    ours = re.compile(rf"{NAME}-(0|[1-9][0-9]*)\.index")
    matches = [ours.fullmatch(path.name) for path in folder.iterdir()]
    steps = sorted((int(match[1]) for match in matches if match), reverse=True)
    return [folder / f"{NAME}-{step}" for step in steps]


def check_path(folder):
    """Raises a Failure if TensorFlow would take the path for a pattern that matches other paths."""
    if tf.io.gfile.glob(str(folder)) != [str(folder)]:
        raise Failure(f"{folder}: TensorFlow takes this path for a pattern; rename the folder")


def open_checkpoint(path):
    """Returns a reader of the checkpoint's variables.

    Raises PermissionError if a file of it may not be read, where TensorFlow names another reason,
    and one of CORRUPT if it is corrupt.
    """
    for file in [path, *path.parent.glob(f"{glob.escape(path.name)}.*")]:
        if file.is_file():
            file.open("rb").close()
    # tf.train.load_checkpoint would prefer a folder of the same name, such as one for its figures.
    return tf.compat.v1.train.NewCheckpointReader(str(path))


def read_settings(reader):
    """Returns the settings in a checkpoint of ours, None in another program's.

    Raises ValueError, one of CORRUPT, if they are not a JSON object.
    """
    if not reader.has_tensor(SETTINGS):
        return None
    text = reader.get_tensor(SETTINGS)
    settings = json.loads(text) if isinstance(text, bytes) else None
    if not isinstance(settings, dict):
        raise ValueError(f"{SETTINGS} is not a JSON object")
    return settings


def restore(network, path):
    """Sets the network's variables, and nothing else, from the checkpoint at path.

    The checkpoint may be double_conv.py's, or one of the post's program (TensorFlow 0.x, 1.x).
    Raises a Failure if it is missing, corrupt, or from a different network.

    Returns:
        The name of the data set it was trained on, None if another program wrote it.
    """
    is_v1_checkpoint = path.is_file()  # TensorFlow 0.x wrote one file; later, path is a prefix
    if path.name == "checkpoint" or not (is_v1_checkpoint or Path(f"{path}.index").is_file()):
        folder = path if path.is_dir() else path.parent
        others = list_checkpoints(folder) if folder.is_dir() else []
        found = f"found {', '.join(map(str, others))}; " if others else ""
        raise Failure(f"{path}: no such checkpoint; {found}double_conv.py trains one")
    check_path(path.parent)
    try:
        reader = open_checkpoint(path)
        for name, name_of_2016 in NAMES_OF_2016.items():
            key = f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"
            value = reader.get_tensor(key if reader.has_tensor(key) else name_of_2016)
            getattr(network, name).assign(value)
            if not np.isfinite(value).all():
                raise Failure(f"{path}: {name} is not finite, so there is nothing to draw")
        settings = read_settings(reader)
    except CORRUPT as error:
        raise Failure(f"{path}: corrupt, or from a different network: {reason(error)}") from None
    return settings and settings.get("data")


def is_state_file(path):
    """Tells whether path is TensorFlow's state file, perhaps left empty by a killed process."""
    start = b"model_checkpoint_path"
    return path.is_file() and path.read_bytes()[: len(start)] in (start, b"")


def this_cpu():
    """Returns the CPU's model and how many of its cores this process may use.

    On another CPU, or with another number of cores, sums are rounded differently.
    """
    model = platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        name = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        model = name[1] if name else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, cores: {cores}"


class Saver:
    """Saves a run as train_data-<step>, keeps the newest KEEP, and resumes it bit for bit.

    All of the network's variables are saved, Adam's slots included. `settings`, a dict, must be the
    same when the run is resumed. The list of checkpoints comes from the folder's files;
    TensorFlow's state file `checkpoint` is only written, for tf.train.latest_checkpoint.
    """

    def __init__(self, folder, network, settings):
        self.folder, self.settings = folder, settings
        self.step, self.text = tf.Variable(-1, dtype=tf.int64), tf.Variable("")
        self.checkpoint = tf.train.Checkpoint(network=network, step=self.step, settings=self.text)
        # Held by the operating system, so that a killed run leaves no lock.
        self.lock = filelock.FileLock(folder / f".{NAME}.lock")
        self.cpu = this_cpu()
        self.manager = None  # begins with the first save
        self.replaced = []  # an earlier run's checkpoints, to delete once this run has saved one

    def begin(self, last, resume, overwrite):
        """Prepares a run up to the step `last`.

        Raises a Failure if the folder is in use; if it holds checkpoints of another program; if it
        holds ours and neither option is given; or, with `resume`, if none of ours is intact, or the
        newest one has other settings or is past `last`. With `resume` and no checkpoint, the run
        starts at step 0.

        Returns:
            The first step to train, 0 or the one after a checkpoint's; and the name of the folder
            in which that run's curves are, None if they have no folder yet.
        """
        self.lock_folder()
        found = self.find_checkpoints(overwrite)
        if found and not resume and not overwrite:
            names = ", ".join(path.name for path in found)
            message = f"{self.folder} already contains {names}"
            raise Failure(f"{message}; continue with --resume or start over with --overwrite")
        self.checkpoint.network.train_step.get_concrete_function()  # creates Adam's slots
        run = self.restore_newest(found) if resume else None
        if self.step > last:
            raise Failure(f"the checkpoint is past --steps {last}; use --steps {int(self.step)}")
        self.replaced = found if overwrite else []
        self.delete_unfinished()
        return int(self.step) + 1, run

    def lock_folder(self):
        """Creates the folder and locks it; raises a Failure if that is impossible."""
        check_folder(self.folder, "--checkpoint-dir")
        check_path(self.folder)
        try:
            self.lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Failure(f"another run is using {self.folder}; choose another folder") from None
        except (OSError, NotImplementedError) as error:  # another user's; a system without locks
            message = f"cannot lock {self.lock.lock_file}: {error.strerror or error}"
            raise Failure(f"{message}; choose another --checkpoint-dir") from None

    def find_checkpoints(self, overwrite):
        """Returns the path prefixes of the run's checkpoints in the folder, newest first.

        Raises a Failure if another program has saved there, or if a corrupt checkpoint, perhaps
        another program's, or a file `checkpoint` that is not TensorFlow's would be overwritten.
        """
        ours = list_checkpoints(self.folder)
        # TensorFlow 0.x and 1.x write the graph beside each checkpoint, as .meta; ours have none.
        files = [*self.folder.glob("*.index"), *self.folder.glob("*.meta")]
        for path in sorted({*ours, *(file.with_suffix("") for file in files)}):
            try:
                foreign = read_settings(open_checkpoint(path)) is None
            except CORRUPT:
                foreign = overwrite and path in ours
            if foreign:
                message = f"{path} was not written by this script, or is corrupt; move or delete it"
                raise Failure(f"{message}, or choose another --checkpoint-dir")
        state = self.folder / "checkpoint"
        if os.path.lexists(state) and not is_state_file(state):
            raise Failure(f"{state} is in the way; move it, or choose another --checkpoint-dir")
        return ours

    def restore_newest(self, found):
        """Restores the newest intact checkpoint of `found`; returns the name of its curves' folder.

        Raises a Failure if none is intact, or if it was trained with other settings. Restores
        nothing, and returns None, if nothing was found.
        """
        for path in found:
            try:
                settings = read_settings(open_checkpoint(path))
                self.check_settings(path, settings)
                self.checkpoint.restore(str(path)).assert_consumed()
            except (AssertionError, *CORRUPT):
                say(f"{path} is corrupt, truncated or from a different network; skipping it")
                continue
            say(f"resuming from {path}")
            cpu = settings.get("cpu", self.cpu)
            if cpu != self.cpu:
                say(f"it was trained on another CPU ({cpu}; this is {self.cpu}), so results will")
                say("differ slightly from those of an uninterrupted run")
            return settings.get("run")
        if found:
            raise Failure(f"no usable checkpoint in {self.folder}; move them away to start over")
        say(f"no checkpoint to resume in {self.folder}; starting from step 0")

    def check_settings(self, path, settings):
        """Raises a Failure if a checkpoint's run was trained with other settings than this one."""
        for name, value in self.settings.items():
            if settings.get(name) != value:
                message = f"{path} was trained with {name}={settings.get(name)}, not {value}"
                raise Failure(f"{message}; use the same settings, or --overwrite to start over")

    def save(self, step, run):
        """Saves a checkpoint, then deletes all but the newest KEEP.

        `run` is the name of the folder in which the run's curves are. Raises a Failure if it could
        not be saved, and leaves nothing of it.
        """
        self.step.assign(step)
        self.text.assign(json.dumps(self.settings | {"run": run, "cpu": self.cpu}))
        path = self.folder / f"{NAME}-{step}"
        try:
            if not self.manager:
                # CheckpointManager believes the state file even if it lists another folder's.
                (self.folder / "checkpoint").unlink(missing_ok=True)
                self.manager = tf.train.CheckpointManager(
                    self.checkpoint, str(self.folder), max_to_keep=KEEP, checkpoint_name=NAME
                )
            self.manager.save(step)
            for old in [*self.replaced, *list_checkpoints(self.folder)[KEEP:]]:
                if old != path:
                    delete_checkpoint(old)
            self.replaced = []
        except (tf.errors.OpError, OSError) as error:
            self.delete_unfinished()
            try:
                read_settings(open_checkpoint(path))
            except CORRUPT:  # its index is missing or truncated
                delete_checkpoint(path)
            cause = reason(error).rsplit(": ", 1)[-1]  # without TensorFlow's temporary file
            message = f"cannot save a checkpoint in {self.folder}: {cause}"
            again = "start over with --overwrite" if self.replaced else "continue with --resume"
            raise Failure(f"{message}. Fix that, then {again}") from None

    def delete_unfinished(self):
        """Deletes what a killed or failed save leaves: train_data-<step>_temp with its parts."""
        for folder in self.folder.glob(f"{NAME}-*_temp"):
            if re.fullmatch(rf"{NAME}-[0-9]+_temp", folder.name) and not folder.is_symlink():
                parts = list(folder.iterdir())
                if all(part.is_file() and part.name.startswith("part-") for part in parts):
                    for part in parts:
                        part.unlink()
                    folder.rmdir()


def delete_checkpoint(path):
    """Deletes the files of a checkpoint of ours; without its index, the rest is no checkpoint."""
    Path(f"{path}.index").unlink(missing_ok=True)
    Path(f"{path}.data-00000-of-00001").unlink(missing_ok=True)
