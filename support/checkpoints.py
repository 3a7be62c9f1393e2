"""Saving, resuming and restoring a run, on tf.train.Checkpoint.

The folder's files decide: train_data-<step>.index, and the .data-* beside them. TensorFlow's state
file `checkpoint` is written for tf.train.latest_checkpoint, and never used to find a checkpoint.
"""

import contextlib
import json
import re
from pathlib import Path

import filelock
import numpy as np

from support import terminal
from support.files import check_folder
from support.quiet import tf
from support.terminal import Failure, print_stderr, reason

NAME = "train_data"  # as in the post
DATA = "data-00000-of-00001"
KEEP = 5  # checkpoints
SETTINGS = "settings/.ATTRIBUTES/VARIABLE_VALUE"
# What TensorFlow raises if a checkpoint is corrupt, or has variables of other shapes.
CORRUPT = (tf.errors.OpError, ValueError, IndexError, RuntimeError)
# An optimizer's variables, which have the shapes of the network's: in TensorFlow 0.x and 1.x; in
# 2.x; in Keras.
SLOT = re.compile(r"Adam|OPTIMIZER_SLOT|optimizer/_variables/")
IN_KERAS = "in Keras, load it and call tf.train.Checkpoint(model=model).write('NAME'); give NAME"
# What else is taken for a checkpoint, by its first bytes.
OTHER_FILES = {
    b"\x89HDF": f"an HDF5 file of Keras's, not a checkpoint; {IN_KERAS}",
    b"PK": f"a zip file, as of Keras or PyTorch, not a checkpoint; {IN_KERAS}",
    b"model_checkpoint_path": "TensorFlow's list of checkpoints; give one of those in it",
}


def folder(text):
    """An argparse type: a folder for checkpoints."""
    folder = terminal.path(text)
    if re.search(r"[\[\\]", folder.as_posix()):  # could be saved there, but not restored
        message = "TensorFlow takes this path for a pattern; rename or choose another"
        raise Failure(f"{folder}: {message}")
    return folder


def path(text):
    """An argparse type: a checkpoint, or one of its files, as completion gives it."""
    return folder(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", text))


def list_checkpoints(folder, suffix="index"):
    """Returns the path prefixes of the checkpoints train_data-<step> in folder, newest first.

    Other names are ignored: train_data-100-best, for example, is a backup of the user's.
    """
    ours = re.compile(rf"{NAME}-(0|[1-9][0-9]*)\.{suffix}")
    matches = [ours.fullmatch(path.name) for path in folder.iterdir()]
    steps = sorted((int(match[1]) for match in matches if match), reverse=True)
    return [folder / f"{NAME}-{step}" for step in steps]


def open_checkpoint(path):
    """Returns a reader of the checkpoint's variables; raises one of CORRUPT if it is corrupt."""
    # tf.train.load_checkpoint would prefer a folder of the same name, such as one for its figures.
    return tf.compat.v1.train.NewCheckpointReader(str(path))


def read_settings(reader):
    """Returns the settings in a checkpoint of ours, None in another program's."""
    return json.loads(reader.get_tensor(SETTINGS)) if reader.has_tensor(SETTINGS) else None


def why_unreadable(error):
    """Returns one of CORRUPT's message on one line."""
    # TensorFlow's words for a checkpoint that was not copied to its end
    incomplete = "Read less bytes than.*|file is too short to.*"
    return re.sub(incomplete, r"incomplete file (\g<0>)", reason(error))


def find_variables(network, reader, path):
    """Returns what the network's variables are called in a checkpoint: {name: name there}.

    In double_conv.py's we know the names. Other programs, the post's for one, have other names, but
    all eight variables have different shapes: the one of the right shape is it. Raises a Failure if
    a shape is missing or there twice.
    """
    shapes = reader.get_variable_to_shape_map()
    variables = {name: v for name, v in vars(network).items() if isinstance(v, tf.Variable)}
    ours = {name: f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in variables}
    is_ours = any(key in shapes for key in ours.values())
    found = {}
    for name, variable in variables.items():
        keys = [ours[name]] if is_ours else [key for key in shapes if not SLOT.search(key)]
        keys = [key for key in keys if shapes.get(key) == variable.shape]
        if len(keys) != 1:
            message = f"it has {len(keys) or 'no'} variables of {name}'s shape {variable.shape}"
            raise Failure(f"{path} is from a different network: {message}")
        found[name] = keys[0]
    return found


def restore(network, path):
    """Sets the network's variables, and nothing else, from the checkpoint at path.

    The checkpoint may be double_conv.py's, or another program's, e.g. the post's (TensorFlow 0.x,
    1.x). Raises a Failure if it is missing, corrupt, or from a different network.

    Returns:
        The name of the data set it was trained on, None if another program wrote it.
    """
    is_one_file = path.is_file()  # TensorFlow 0.x wrote one file; later, path is a prefix
    if not (is_one_file or Path(f"{path}.index").is_file()):
        if Path(f"{path}.{DATA}").exists():
            raise Failure(f"{path}.index is missing; copy it too: it belongs to {path.name}.{DATA}")
        folder = path if path.is_dir() else path.parent
        others = list_checkpoints(folder) if folder.is_dir() else []
        found = f"found {', '.join(map(str, others))}; " if others else ""
        raise Failure(f"{path}: no such checkpoint; {found}double_conv.py trains one")
    if is_one_file:
        with path.open("rb") as file:
            start = file.read(30)
        for magic, what in OTHER_FILES.items():
            if start.startswith(magic):
                raise Failure(f"{path}: {what}")
    try:
        reader = open_checkpoint(path)
        for name, key in find_variables(network, reader, path).items():
            value = reader.get_tensor(key)
            if not np.isfinite(value).all():
                raise Failure(f"{path}: {name} is not finite: the training diverged")
            getattr(network, name).assign(value)
        settings = read_settings(reader)
    except CORRUPT as error:
        if is_one_file:  # one of a checkpoint's two under another name, perhaps
            advice = f"most checkpoints are two files, NAME.index and NAME.{DATA}: give NAME"
            raise Failure(f"{path}: not a checkpoint, or corrupt; {advice}") from None
        raise Failure(f"{path}: unreadable or corrupt: {why_unreadable(error)}") from None
    return settings and settings.get("data")


def warn_if_other_data(path, trained_on, data):
    """Warns if the checkpoint was trained on other data than those named `data`."""
    if trained_on not in (None, data):
        print_stderr(f"warning: {path} was trained on other data ({trained_on})")


class Saver:
    """Saves a run as train_data-<step>, keeps the newest KEEP, and resumes it bit for bit.

    All of the network's variables are saved, Adam's slots included. `settings`, a dict, must be the
    same when the run is resumed.
    """

    def __init__(self, folder, network, settings):
        self.folder, self.network, self.settings = folder, network, settings
        self.earlier = []  # what --overwrite replaces, newest first: deleted after the first save
        self.step = tf.Variable(-1, dtype=tf.int64)
        self.saved_settings = tf.Variable("")  # JSON
        self.checkpoint = tf.train.Checkpoint(
            network=network, step=self.step, settings=self.saved_settings
        )
        # Created now, since restore() would create it, and then expect it in what is restored.
        self.checkpoint.save_counter  # noqa: B018
        # Held by the operating system, so that a killed run leaves no lock.
        self.lock = filelock.FileLock(folder / f".{NAME}.lock")

    def begin(self, last, resume, overwrite):
        """Prepares a run up to the step `last`; with `overwrite`, save() will delete what is there.

        Raises a Failure if the folder is in use, or what it holds is in the way. With `resume` and
        no checkpoint, the run starts at step 0.

        Returns:
            The first step to train, 0 or the one after a checkpoint's; and the name of the folder
            in which that run's curves are, None if they have no folder yet.
        """
        self.lock_folder()
        self.refuse_other_programs(overwrite)
        checkpoints = list_checkpoints(self.folder)
        if checkpoints and not resume and not overwrite:
            names = ", ".join(path.name for path in checkpoints)
            advice = "continue with --resume, start over with --overwrite, or choose another"
            raise Failure(f"{self.folder} already contains {names}; {advice} --checkpoint-dir")
        self.delete_unfinished()
        self.network.train_step.get_concrete_function()  # creates Adam's slots
        run = self.restore_newest(checkpoints) if resume else None
        if self.step > last:
            raise Failure(f"the checkpoint is past --steps {last}; use --steps {int(self.step)}")
        if overwrite:
            self.earlier = checkpoints
        return int(self.step) + 1, run

    def lock_folder(self):
        """Creates the folder and locks it; raises a Failure if that is impossible."""
        check_folder(self.folder, "--checkpoint-dir")
        try:
            self.lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Failure(f"another run is using {self.folder}; choose another folder") from None
        except (OSError, NotImplementedError) as error:  # another user's; a system without locks
            message = f"cannot lock {self.lock.lock_file}: {error.strerror or error}"
            raise Failure(f"{message}; choose another folder") from None

    def refuse_other_programs(self, overwrite):
        """Raises a Failure if the folder has files that a run would overwrite and did not write.

        These are a file `checkpoint` that is not TensorFlow's; another program's checkpoints, under
        any name, because that file lists all of a folder and a run replaces it; and of our names
        data without an index and, with `overwrite`, unreadable ones.
        """
        ours = list_checkpoints(self.folder)
        halves = set(list_checkpoints(self.folder, DATA)).difference(ours)
        halves = {path for path in halves if not Path(f"{path}_temp").exists()}  # a killed save's
        # TensorFlow 0.x and 1.x write the graph beside each checkpoint, as .meta; ours have none.
        files = [*self.folder.glob("*.index"), *self.folder.glob("*.meta")]
        for path in sorted({*halves, *(file.with_suffix("") for file in files)}):
            try:
                foreign = not open_checkpoint(path).has_tensor(SETTINGS)
            except CORRUPT:
                foreign = path in halves or (overwrite and path in ours)
            if foreign:
                message = f"{path} was not written by this script, or is corrupt; move or delete it"
                raise Failure(f"{message}, or choose another folder")
        state = self.folder / "checkpoint"
        is_tensorflows = state.is_file() and b"model_checkpoint_path" in state.read_bytes()
        if state.exists() and not is_tensorflows:
            raise Failure(f"{state} is in the way; move it, or choose another folder")

    def restore_newest(self, checkpoints):
        """Restores the newest intact one of checkpoints; returns the name of its curves' folder.

        Raises a Failure if none is intact, or if it was trained with other settings. Restores
        nothing, and returns None, if the list is empty.
        """
        for path in checkpoints:
            try:
                settings = read_settings(open_checkpoint(path))
                self.check_settings(path, settings)
                self.checkpoint.restore(str(path)).assert_consumed()
            except CORRUPT as error:
                print_stderr(f"skipping {path}: {why_unreadable(error)}")
                continue
            except AssertionError:  # its text shows whole arrays
                print_stderr(f"skipping {path}: from a different network")
                continue
            print_stderr(f"resuming from {path}")
            return settings.get("run")
        if checkpoints:
            message = f"no usable checkpoint in {self.folder}"
            raise Failure(f"{message}; choose another folder, or move them away")
        print_stderr(f"no checkpoint to resume in {self.folder}; starting from step 0")

    def check_settings(self, path, settings):
        """Raises a Failure if a checkpoint's run was trained with other settings than this one."""
        for name, value in self.settings.items():
            if settings.get(name) != value:
                message = f"{path} was trained with {name}={settings.get(name)!r}, not {value!r}"
                raise Failure(f"{message}; use the same options, or start over in another folder")

    def save(self, step, run):
        """Saves a checkpoint; then deletes all but the newest KEEP, and what --overwrite replaces.

        `run` is the name of the folder in which the run's curves are. Raises a Failure if it could
        not be saved, and leaves nothing of it.
        """
        self.step.assign(step)
        self.saved_settings.assign(json.dumps(self.settings | {"run": run}))
        path = self.folder / f"{NAME}-{step}"
        try:
            self.checkpoint.write(str(path))
            checkpoints = list_checkpoints(self.folder)
            # Later ones are of the run that --overwrite replaces, or --resume has skipped them.
            checkpoints = checkpoints[checkpoints.index(path) :]
            kept = list(map(str, reversed(checkpoints[:KEEP])))  # oldest first
            tf.compat.v1.train.update_checkpoint_state(str(self.folder), str(path), kept)
        except (tf.errors.OpError, OSError) as error:
            self.delete_unfinished()
            if path not in self.earlier:
                delete_checkpoint(path)
            cause = reason(error).rsplit(": ", 1)[-1]  # without TensorFlow's temporary file
            message = f"cannot save a checkpoint in {self.folder}: {cause}"
            if self.earlier:  # --resume would continue the run that --overwrite was to replace
                raise Failure(f"{message}. Fix that, then start over with --overwrite") from None
            raise OSError(message) from None  # each program tells how it continues
        # Oldest first: if killed here, the run that --overwrite replaces still has its newest.
        for old in reversed([*self.earlier, *checkpoints[KEEP:]]):
            if old != path:  # which may have replaced one of that run's
                try:
                    delete_checkpoint(old)
                except OSError as error:
                    advice = "delete it, or --resume may continue from it"
                    print_stderr(f"warning: cannot delete {old}: {error.strerror}; {advice}")
        self.earlier = []

    def delete_unfinished(self):
        """Deletes what a killed or failed save leaves: train_data-<step>_temp.

        TensorFlow would not: when the step is saved again, it deletes its own parts only. It moves
        the data out of there before it writes the index beside them.
        """
        for folder in self.folder.glob(f"{NAME}-*_temp"):
            path = str(folder).removesuffix("_temp")
            parts = list(folder.glob("part-00000-of-00001.*"))
            if parts and not Path(f"{path}.index").exists():
                delete_checkpoint(path)
            for part in parts:
                part.unlink()
            with contextlib.suppress(OSError):  # the user's own: something else is in it
                folder.rmdir()


def delete_checkpoint(path):
    """Deletes a checkpoint of ours; its data first, which alone would pass for the user's."""
    Path(f"{path}.{DATA}").unlink(missing_ok=True)
    Path(f"{path}.index").unlink(missing_ok=True)
