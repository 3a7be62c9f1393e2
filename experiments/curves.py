"""Draws curves.png: our learning curves against the post's.

The post's, recorded from its unchanged programs, are in runs beside ours in the log folders.

Example:
    python -m experiments.curves /tmp/cnn_single/RUN /tmp/cnn/RUN
"""

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments import MY_RESULTS
from support import figures, summaries, terminal
from support.quiet import plt, tf


def read_run(folder, tag):
    """Returns the steps and values of a scalar in a run's folder."""
    if not folder.is_dir():
        advice = "give the folders that runs on MNIST print after `curves:`, single_conv.py's first"
        raise terminal.Failure(f"{folder}: no such run; {advice}")
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    if tag not in events.Tags()["tensors"]:
        raise terminal.Failure(f"{folder} has no scalar {tag}; give a training script's run")
    points = events.Tensors(tag)
    values = [float(tf.make_ndarray(point.tensor_proto)) for point in points]
    return np.array([point.step for point in points]), np.array(values)


def running_mean(values, count=9):
    """Returns the mean of `count` values around each, fewer at the ends."""
    half = count // 2
    return np.array([values[max(0, i - half) : i + half + 1].mean() for i in range(len(values))])


def draw_panel(ax, script, tag, run):
    """Draws one scalar of a script's run beside the post's: faint reports, a strong mean."""
    ours = read_run(run, tag)
    posts = read_run(run.parent / summaries.the_posts_run(script), tag)
    # The post's line is drawn wider, so that it stays visible where the two agree.
    for label, (steps, values), color, width in (
        ("the post's program, TensorFlow 0.12.1", posts, "tab:orange", 4.5),
        (script, ours, "tab:blue", 1.5),
    ):
        ax.plot(steps, values, color=color, alpha=0.25, linewidth=width / 2)
        ax.plot(steps, running_mean(values), color=color, linewidth=width, label=label)
    ax.set_title(f"{script}: training {tag} (batch of each report)", fontsize=10)
    ax.set_xlabel("step")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)


@figures.in_default_style
def draw(runs):
    """Draws the curves of a run of each script beside the post's; returns the figure."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 6.5), layout="constrained")
    for (left, right), script, run in zip(axes, ("single_conv.py", "double_conv.py"), runs):
        draw_panel(left, script, "cross entropy", run)
        left.set_yscale("symlog", linthresh=1)
        draw_panel(right, script, "accuracy", run)
        right.set_ylim(0.8, 1.005)
    return figure


def main():
    parser = terminal.parser(__doc__)
    for name in "single", "double":
        text = f"folder of a run of {name}_conv.py on MNIST"
        parser.add_argument(name, type=terminal.path, metavar="RUN", help=text)
    figures.add_figure_dir(parser, default=MY_RESULTS)
    args = parser.parse_args()
    path = args.figure_dir / "curves.png"
    figures.check_png(path, "--figure-dir")
    runs = args.single.resolve(), args.double.resolve()
    figures.save([draw(runs)], [path], dpi=110)


if __name__ == "__main__":
    terminal.run(main)
