"""Sweeps over schedules in two processes, each with devices of its own, as on two hosts.

On a cluster that JAX knows (Slurm, Kubernetes, TPU pods), call ``jax.distributed.initialize()``
without arguments in every process, and then ``sweep`` as ever. Here a parent starts two processes
on this machine, which meet over the loopback. JAX's processes live and die together; with a
checkpoint, start them all again, and the sweep goes on where it was.
"""

import argparse
import socket
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--processes", type=int, default=2)
parser.add_argument("--candidates", type=int, default=8)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--checkpoint", metavar="DIR", help="save there, and resume from there")
parser.add_argument("--out", default="out/distributed_sweep.csv", metavar="FILE")
parser.add_argument("--coordinator", help=argparse.SUPPRESS)
parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
options = parser.parse_args()


def parent():
    """Starts the processes and waits for them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--coordinator", f"127.0.0.1:{port}"]
    command = [sys.executable, *sys.orig_argv[1:], *meeting]
    processes = [
        subprocess.Popen([*command, "--process", str(index)]) for index in range(options.processes)
    ]
    return max(process.wait() for process in processes)


def child():
    """What each process does."""
    import jax

    jax.distributed.initialize(options.coordinator, options.processes, options.process)

    import jaxlr
    from jaxlr.train import MLP, classification, load, sweep

    data = load("digits")
    task = classification(MLP, input_shape=data.train_images.shape[1:], hidden=(64,))
    schedules = jaxlr.grid(
        jaxlr.cosine_decay_schedule,
        init_value=[1e-2 / 2**n for n in range(options.candidates)],
        decay_steps=options.epochs * (len(data.train_images) // 32),
    )
    result = sweep(
        schedules,
        task.init,
        task.loss,
        data[:2],
        data[2:],
        metric=task.metric,
        epochs=options.epochs,
        batch_size=32,
        keep={1: max(options.candidates // 2, 1)},
        checkpoint=options.checkpoint,
    )
    result.to_csv(options.out)
    if jax.process_index() == 0:
        print(f"{jax.process_count()} processes, {jax.device_count()} devices")
        print(result.summary())


if __name__ == "__main__":
    sys.exit(child() if options.coordinator else parent())
