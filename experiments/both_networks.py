"""The first network, trained, and the second, restored: for what looks into both."""

import numpy as np

import single_conv
from double_conv import DoubleConv
from single_conv import SingleConv
from support import checkpoints, input_data, terminal

STEPS = 1001  # of the first network, as in the post


def parser(description):
    """Returns a parser of the data options and a checkpoint; `description` is the docstring."""
    parser = terminal.parser(description)
    terminal.add_data_options(parser)
    parser.add_argument("checkpoint", type=checkpoints.path, help="checkpoint of double_conv.py")
    return parser


def trained_networks(args):
    """Returns the first network after 1,001 steps, the second one, restored, and the DataSets."""
    # Before the data: a missing checkpoint should not cost a download.
    double = DoubleConv()
    trained_on = checkpoints.restore(double, args.checkpoint)
    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    checkpoints.warn_if_other_data(args.checkpoint, trained_on, mnist.name)
    single = SingleConv()
    for _ in terminal.progress(range(STEPS)):
        single.train_step(*mnist.train.next_batch(single_conv.batch_size))
    return single, double, mnist


def activations(network, image):
    """Returns the network's Layers for an image [784], as arrays without `batch`."""
    layers = network(image[None])
    return type(layers)(*(np.array(layer)[0] for layer in layers))
