"""Train our networks without reports, event files and checkpoints, and print the speed.

This is the bare loop to compare the peers' bare loops with; the scripts' own speed, which they
print, includes their reports.

Example:
    python -m bench.bare double --bfloat16
"""

import time

from bench import peers
from double_conv import DoubleConv
from single_conv import SingleConv
from support import fast_ops, input_data


def main():
    parser = peers.parser(__doc__)
    parser.add_argument("--bfloat16", action="store_true", help="as double_conv.py --bfloat16")
    args = parser.parse_args()
    train = input_data.read_data_sets(args.data_dir, "mnist").train
    network = SingleConv() if args.network == "single" else DoubleConv()
    batch_size = peers.BATCH_SIZE[args.network]
    with fast_ops.bfloat16(args.bfloat16):
        for i in range(args.steps + peers.WARM_UP):
            if i == peers.WARM_UP:
                start = time.perf_counter()
            batch = train.next_batch(batch_size)
            if args.network == "single":
                network.train_step(*batch)
            else:
                network.train_step(*batch, dropout_seed=[1, i])
        network.W_conv1.numpy()  # waits for the last step
        peers.print_speed(args.steps, time.perf_counter() - start)


if __name__ == "__main__":
    main()
