"""Train the post's networks in PyTorch and print the speed.

Written for speed on a CPU: images and network are in channels-last memory, batches are slices of a
tensor that is in memory as float32, and Adam is PyTorch's fused one. (Its fused SGD is only about
1% faster here.)

Example:
    python -m bench.peer_torch double --reports
"""

import collections
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from bench import peers


class SingleConv(nn.Module):
    """The post's first network: from images [batch, 1, 28, 28] to logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2, bias=False)
        self.fc1 = nn.Linear(14 * 14 * 16, 16)
        self.fc2 = nn.Linear(16, 10)

    def first_layer(self, x):
        return F.relu(self.conv1(x).abs() - 0.2)  # [batch, 16, 28, 28]

    def other_layers(self, h_conv1):
        h_pool1 = F.max_pool2d(h_conv1, 2)  # [batch, 16, 14, 14]
        h_fc1 = F.relu(self.fc1(h_pool1.flatten(1)))  # [batch, 16]
        return self.fc2(h_fc1)

    def forward(self, x):
        return self.other_layers(self.first_layer(x))


class DoubleConv(nn.Module):
    """The post's second network: from images [batch, 1, 28, 28] to logits [batch, 10]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 64, 5, padding=2)
        self.fc1 = nn.Linear(7 * 7 * 64, 1024)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = nn.Linear(1024, 10)

    def first_layer(self, x):
        return F.relu(self.conv1(x))  # [batch, 32, 28, 28]

    def other_layers(self, h_conv1):
        h_pool1 = F.max_pool2d(h_conv1, 2)  # [batch, 32, 14, 14]
        h_pool2 = F.max_pool2d(F.relu(self.conv2(h_pool1)), 2)  # [batch, 64, 7, 7]
        h_fc1 = F.relu(self.fc1(h_pool2.flatten(1)))  # [batch, 1024]
        return self.fc2(self.dropout(h_fc1))

    def forward(self, x):
        return self.other_layers(self.first_layer(x))


def initialize(network):
    """Draws weights and zeroes biases, as the post does."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.trunc_normal_(parameter, std=0.1, a=-0.2, b=0.2)
        else:
            nn.init.zeros_(parameter)


class Reporter:
    """What our scripts do besides training: the report, event files and, if wanted, checkpoints."""

    def __init__(self, network, optimizer, folder, checkpoints):
        from torch.utils.tensorboard import SummaryWriter

        self.network, self.optimizer = network, optimizer
        self.folder, self.checkpoints = folder, checkpoints
        self.writer = SummaryWriter(folder)
        self.saved = collections.deque()

    def report(self, i, x, y):
        """Evaluates the batch without dropout, prints its accuracy and logs it; saves."""
        self.network.eval()
        with torch.inference_mode():
            h_conv1 = self.network.first_layer(x)
            logits = self.network.other_layers(h_conv1)
            cross_entropy = F.cross_entropy(logits, y, reduction="sum")
            accuracy = (logits.argmax(1) == y).float().mean()
        self.network.train()
        self.writer.add_scalar("cross entropy", cross_entropy, i)
        self.writer.add_scalar("accuracy", accuracy, i)
        self.writer.add_histogram("h_conv1", h_conv1.float(), i, bins=30)
        self.writer.flush()
        print(f"step {i}, training accuracy {accuracy:g}", flush=True)
        if self.checkpoints:
            self.save(i)

    def save(self, i):
        """Saves network and optimizer; keeps the newest five files."""
        path = self.folder / f"train_data-{i}.pt"
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state, path)
        self.saved.append(path)
        if len(self.saved) > 5:
            self.saved.popleft().unlink()


def options():
    """Returns the command line's options."""
    parser = peers.parser(__doc__)
    text = "autocast to bfloat16"
    parser.add_argument("--bfloat16", action="store_true", help=text)
    text = "torch.compile the network (needs a C++ compiler)"
    parser.add_argument("--compile", action="store_true", help=text)
    text = "do the same work as our scripts: reports, event files, checkpoints"
    parser.add_argument("--reports", action="store_true", help=text)
    return parser.parse_args()


def train(args, folder):
    """Trains the network for args.steps steps and prints the speed."""
    images, labels = map(torch.from_numpy, peers.read_training_set(args.data_dir))
    images = images.reshape(-1, 1, 28, 28)
    batch_size = peers.BATCH_SIZE[args.network]
    torch.manual_seed(1)
    if args.network == "single":
        network, report_every = SingleConv(), 10
        optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
    else:
        network, report_every = DoubleConv(), 100
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    initialize(network)
    network = network.to(memory_format=torch.channels_last)
    images = images.to(memory_format=torch.channels_last)
    forward = torch.compile(network) if args.compile else network
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16)
    if args.reports:
        reporter = Reporter(network, optimizer, folder, checkpoints=args.network == "double")

    def step(x, y):
        optimizer.zero_grad()
        with autocast:
            cross_entropy = F.cross_entropy(forward(x), y, reduction="sum")
        cross_entropy.backward()
        optimizer.step()

    # The last step before the clock starts is number 0, so that it makes the first report.
    for i in range(1 - peers.WARM_UP, args.steps + 1):
        begin = i * batch_size % len(images)
        x, y = images[begin : begin + batch_size], labels[begin : begin + batch_size]
        step(x, y)
        if args.reports and i % report_every == 0:
            with autocast:
                reporter.report(i, x, y)
        if i == 0:
            start = time.perf_counter()
    peers.print_speed(args.steps, time.perf_counter() - start)


def main():
    args = options()
    with tempfile.TemporaryDirectory() as folder:
        train(args, Path(folder))


if __name__ == "__main__":
    main()
