"""Trains the second network with Adam and with gradient descent, and draws optimizers.png.

Three rates each, 5,000 steps, dropout as in double_conv.py. Writes RESULTS/optimizers.csv: the
training loss per digit, a mean over 50 steps per row; an optimizer and rate that are there already
are left out. The picture is drawn from the file: the best rate of each, by the mean loss of the
last 500 steps, strong, the others faint.

Example:
    python -m experiments.optimizers
"""

import itertools

import numpy as np

import double_conv
from experiments import MY_RESULTS, seeds
from support import fast_ops, figures, input_data, terminal
from support.quiet import plt, tf

SEED, STEPS, MEAN_OF, LAST = 1, 5000, 50, 500
OPTIMIZERS = {
    "Adam": tf.compat.v1.train.AdamOptimizer,
    "gradient descent": tf.compat.v1.train.GradientDescentOptimizer,
}
RATES = ["1e-4", "1e-3", "1e-2"]  # the post's is Adam's 1e-4
COLUMNS = ["optimizer", "rate", "seed", "step", "loss"]


def losses(optimizer, rate, seed, train, steps):
    """Trains the second network; returns each step's cross entropy per digit, before the step."""
    network = double_conv.DoubleConv(seed)
    network.optimizer = OPTIMIZERS[optimizer](float(rate))
    per_digit = []
    for i in terminal.progress(range(steps)):
        x, y_ = train.next_batch(double_conv.batch_size)
        per_digit.append(network.train_step(x, y_, dropout_seed=[seed, i]).numpy() / len(x))
    return np.array(per_digit)


def read(path):
    """Returns {(optimizer, rate): (steps, losses)} of the CSV file, {} if there is none."""
    curves = {}
    for row in seeds.rows(path):
        steps, values = curves.setdefault((row["optimizer"], row["rate"]), ([], []))
        steps.append(int(row["step"]))
        values.append(float(row["loss"]))
    return {key: tuple(map(np.array, curve)) for key, curve in curves.items()}


def final_loss(curve):
    """Returns the mean loss of a curve's last 500 steps, infinite for a rate that diverges."""
    steps, values = curve
    mean = values[steps > steps[-1] - LAST].mean()
    return mean if np.isfinite(mean) else np.inf


def best_rates(curves):
    """Returns {optimizer: the rate with the lowest loss in the end}."""
    names = dict.fromkeys(optimizer for optimizer, rate in curves)
    return {
        name: min((r for o, r in curves if o == name), key=lambda r: final_loss(curves[name, r]))
        for name in names
    }


@figures.in_default_style
def draw(curves):
    """Draws the curves that `read` returns; returns the figure."""
    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    best, name_at = best_rates(curves), 0
    # From the lowest end to the highest, so that each curve's name can be above the one before.
    for (optimizer, rate), curve in sorted(curves.items(), key=lambda item: final_loss(item[1])):
        steps, values = curve
        strong = best[optimizer] == rate
        style = {"linewidth": 2} if strong else {"linewidth": 1, "alpha": 0.45}
        color = "tab:blue" if optimizer == "Adam" else "tab:orange"
        axes.plot(steps, values, color=color, **style)
        name_at = max(1.35 * name_at, values[np.isfinite(values)][-1])
        weight = "bold" if strong else "normal"
        name = f"{optimizer}, {rate}"
        axes.text(STEPS * 1.02, name_at, name, va="center", color=color, fontsize=9, weight=weight)
    axes.set_yscale("log")
    axes.set_xlim(0, STEPS * 1.32)  # room for the names
    axes.set_xticks(range(0, STEPS + 1, 1000))
    axes.set_xlabel("step")
    axes.set_ylabel("training loss per digit (log scale)")
    axes.set_title(f"double_conv.py: mean of {MEAN_OF} steps each", fontsize=11)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def main():
    parser = terminal.parser(__doc__)
    terminal.add_data_dir(parser)
    seeds.add_result_options(parser)
    figures.add_figure_dir(parser, default=MY_RESULTS)
    args = parser.parse_args()
    path, picture = args.results / "optimizers.csv", args.figure_dir / "optimizers.png"
    figures.check_png(picture, "--figure-dir")
    for optimizer, rate in itertools.product(OPTIMIZERS, RATES):
        for seed in seeds.missing(path, [SEED], optimizer=optimizer, rate=rate):
            train = input_data.read_data_sets(args.data_dir, "mnist", seed).train
            with fast_ops.bfloat16(args.bfloat16):
                per_digit = losses(optimizer, rate, seed, train, STEPS)
            means = per_digit.reshape(-1, MEAN_OF).mean(1)
            rows = [
                [optimizer, rate, seed, MEAN_OF * (k + 1), f"{loss:.4f}"]
                for k, loss in enumerate(means)
            ]
            seeds.append(path, COLUMNS, rows, args.bfloat16)
            terminal.print_stdout(f"{optimizer}, {rate}: {means[-LAST // MEAN_OF :].mean():.4f}")
    figures.save([draw(read(path))], [picture], dpi=150)


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
