"""The values of batches at many counts: on devices, in files, block by block."""

import os
import shutil
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, SOME, some
from cases import COUNTS as STEPS
from programs import INTS, curve

import jaxlr
from jaxlr.search import random_schedules
from jaxlr.search.defaults import DEFAULT_SPACES

ALL = list(CASES.values())
COUNTS = np.asarray(STEPS)
ULP = 4 if jax.config.jax_enable_x64 else 0  # Vectors have other exponentials there.


def test_evaluate_has_the_values_of_the_batch(tmp_path):
    expected = np.asarray(some()(COUNTS))
    np.testing.assert_array_equal(jaxlr.evaluate(some(), COUNTS), expected)
    written = jaxlr.evaluate(some(), COUNTS, path=tmp_path / "new" / "values.npy")
    assert isinstance(written, np.memmap)
    np.testing.assert_array_equal(written, expected)
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "values.npy"), expected)
    lr = CASES["cosine_decay_schedule_2"]
    np.testing.assert_array_equal(
        jaxlr.evaluate(lr, COUNTS.reshape(2, -1)), lr(COUNTS.reshape(2, -1))
    )
    np.testing.assert_array_equal(jaxlr.evaluate(lr, COUNTS, path=tmp_path / "a.npy"), lr(COUNTS))
    with pytest.raises(ValueError, match="`out`"):
        jaxlr.evaluate(lr, COUNTS, path="a.npy", out=lr(COUNTS))


@pytest.mark.slow
def test_evaluate_has_the_values_of_all_families():
    """But for the last digits of inverse square roots, which wide vectors round otherwise."""
    values = np.asarray(jaxlr.evaluate(jaxlr.stack(ALL), INTS))
    expected = np.stack([curve(name) for name in CASES])
    np.testing.assert_array_max_ulp(values, expected, max(ULP, 2))
    equal = [np.array_equal(*rows) for rows in zip(values, expected, strict=True)]
    assert np.mean(equal) > (0.4 if ULP else 0.9)


def drawn(number, total_steps):
    """Schedules of more families than are evaluated at once, in any order."""
    families = list(DEFAULT_SPACES)[::8]
    return random_schedules(
        jax.random.key(0), number, total_steps=total_steps, peak=1.0, families=families
    )


def test_evaluate_has_the_values_of_many_structures_at_many_counts():
    batch, counts = drawn(40, 700), np.arange(700)
    assert len(batch.stacks) > 8
    assert batch._layout.order is not None
    first = jaxlr.evaluate(batch, counts)
    np.testing.assert_allclose(first, batch(counts), rtol=1e-6)
    again = jaxlr.evaluate(batch, counts, out=first)
    np.testing.assert_array_equal(again, jaxlr.evaluate(batch, counts))
    table = jaxlr.evaluate(batch, counts.reshape(2, 350))
    np.testing.assert_array_equal(table.reshape(40, 700), again)


def test_evaluate_takes_the_memory_of_an_earlier_result():
    first = jaxlr.evaluate(some(), COUNTS)
    second = jaxlr.evaluate(some(), COUNTS, out=first)
    assert first.is_deleted()
    np.testing.assert_array_equal(second, some()(COUNTS))


def test_an_array_that_is_not_like_the_result_is_refused():
    wrong = jnp.zeros((len(SOME), 3))
    with pytest.raises(ValueError, match=rf"`out`.*\({len(SOME)}, {len(COUNTS)}\).*3\)"):
        jaxlr.evaluate(some(), COUNTS, out=wrong)
    with pytest.raises(ValueError, match=r"`out`.*int32"):
        jaxlr.evaluate(some(), COUNTS, out=jnp.zeros((len(SOME), len(COUNTS)), jnp.int32))
    with pytest.raises(TypeError, match="`out`"):
        jaxlr.evaluate(some(), COUNTS, out=np.zeros((len(SOME), len(COUNTS)), np.float32))
    first = jaxlr.evaluate(some(), COUNTS)
    jaxlr.evaluate(some(), COUNTS, out=first)
    with pytest.raises(ValueError, match=r"`out`.*donated"):
        jaxlr.evaluate(some(), COUNTS, out=first)


@pytest.mark.parametrize("function", [jaxlr.evaluate, jaxlr.batches.blocks])
def test_what_cannot_be_evaluated_is_refused_at_once(function):
    with pytest.raises(TypeError, match=r"`schedules` must be a schedule or a batch.*jaxlr.stack"):
        function(SOME, COUNTS)
    with pytest.raises(ValueError, match="`devices`"):
        function(some(), COUNTS, devices=[])
    with pytest.raises(ValueError, match="`devices`"):
        function(some(), COUNTS, devices=jax.devices()[:1] * 2)
    with pytest.raises(TypeError, match=r"traced.*schedules\(counts\)"):
        jax.jit(lambda counts: function(some(), counts))(COUNTS)
    with pytest.raises(ValueError, match="`block_bytes`"):
        jaxlr.batches.blocks(some(), COUNTS, block_bytes=0)


@pytest.mark.parametrize("block_bytes", [1, 100, 1000, 10**6])
def test_blocks_cover_the_table_once(block_bytes):
    lines = jaxlr.grid(
        jaxlr.linear_schedule, init_value=[1.0, 2.0, 3.0], end_value=0.0, transition_steps=8
    )
    counts = COUNTS[:7] if block_bytes == 1 else COUNTS
    table, written = np.zeros((3, len(counts))), np.zeros((3, len(counts)), int)
    for block in jaxlr.batches.blocks(lines, counts, block_bytes=block_bytes):
        assert block.values.nbytes <= max(block_bytes, 8)
        table[block.members, block.counts] = block.values
        written[block.members, block.counts] += 1
    assert np.all(written == 1)
    np.testing.assert_array_equal(table, lines(counts))


def test_a_failed_file_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.npy"
    path.write_text("before")

    def fail(count):
        raise RuntimeError("no value")

    with pytest.raises(RuntimeError, match="no value"):
        jaxlr.evaluate(jaxlr.stack([jaxlr.wrap(fail)]), COUNTS, path=path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("progress", [True, False])
def test_a_terminal_shows_a_bar_while_a_file_is_written(progress, tmp_path, monkeypatch):
    pty = pytest.importorskip("pty", reason="this system has no such terminals")
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        for lr in (some(), SOME[0]):
            jaxlr.evaluate(lr, COUNTS, path=tmp_path / "a.npy", progress=progress)
        print("end", file=terminal, flush=True)
        shown = b""
        while not shown.endswith(b"end\r\n"):
            shown += os.read(reader, 10**4)
    os.close(reader)
    shown = shown.decode().replace("\r\n", "\n")
    total, one = len(SOME) * len(COUNTS), len(COUNTS)
    bars = f"\r{'█' * 30} {total} of {total} values\n\r{'█' * 30} {one} of {one} values\nend\n"
    assert shown.endswith(bars if progress else "end\n")
    assert ("█" in shown) == progress


def test_a_file_may_be_read_by_whoever_may_read_others(tmp_path):
    jaxlr.evaluate(SOME[0], COUNTS, path=tmp_path / "a.npy")
    (tmp_path / "b").touch()
    assert (tmp_path / "a.npy").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_full_disk_is_an_error(tmp_path):
    mount = f"mount -t tmpfs -o size=1m none {tmp_path}"
    if shutil.which("unshare") is None or subprocess.call(
        ["unshare", "-rm", "sh", "-c", mount], stderr=subprocess.DEVNULL
    ):
        pytest.skip("this machine lets nobody mount a small disk")
    script = f"""
        import errno, os, numpy as np, jaxlr
        constants = jaxlr.grid(jaxlr.constant_schedule, value=np.linspace(0.0, 1.0, 3000))
        try:
            jaxlr.evaluate(constants, np.arange(1000), path="{tmp_path}/a.npy")
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        assert os.listdir("{tmp_path}") == []
    """
    command = f"{mount} && {sys.executable} -c '{textwrap.dedent(script)}'"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(["unshare", "-rm", "sh", "-c", command], env=environment, check=True)


def on_devices(number, script):
    """Runs a script in a process of its own, which has so many devices."""
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={number}",
        "JAX_CPU_ENABLE_ASYNC_DISPATCH": "0",  # Devices that wait for each other need a core each.
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=True)


@pytest.mark.slow
def test_members_are_spread_over_devices():
    on_devices(
        2,
        """
        import jax, numpy as np, jaxlr
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        assert len(jax.devices()) == 2
        counts = np.arange(20)
        lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0, 2.0, 3.0, 4.0], end_value=0.0,
                           transition_steps=8)
        waves = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=[1.0, 2.0, 3.0], decay_steps=8)
        for batch in (lines, waves, jaxlr.concatenate([lines, waves])[[6, 0, 5, 1, 4, 2, 3, 3]]):
            expected = np.stack([lr(counts) for lr in batch])
            values = jaxlr.evaluate(batch, counts)
            np.testing.assert_array_equal(values, expected)
            if len(batch) % 2 == 0:
                first, second = values.addressable_shards
                assert first.device != second.device
                assert first.data.shape == second.data.shape == (len(batch) // 2, 20)
            alone = jaxlr.evaluate(batch, counts, devices=jax.devices()[1:])
            np.testing.assert_array_equal(alone, expected)
            assert alone.devices() == {jax.devices()[1]}
        parts = [jaxlr.linear_schedule(1.0, 0.1, 9), jaxlr.cosine_decay_schedule(0.5, 300),
                 jaxlr.half_cosine_schedule(1.0, 200)]
        mixed = jaxlr.stack([jaxlr.join_schedules([one, two], [100]) for one in parts
                             for two in [jaxlr.step_decay(1.0, 9), *parts]][:-1])
        counts = np.arange(600)
        values = jaxlr.evaluate(mixed, counts)
        assert len(mixed.stacks) > 8 and len(mixed) == 11
        np.testing.assert_allclose(values, [lr(counts) for lr in mixed], rtol=1e-6)
        evens = jaxlr.evaluate(mixed[[8, 0, 7, 1, 6, 2, 5, 3, 4, 4]], counts)
        np.testing.assert_array_equal(evens[::2], np.asarray(values)[[8, 7, 6, 5, 4]])
        assert evens.addressable_shards[1].data.shape == (5, 600)
        counts = np.arange(20)
        sharding = NamedSharding(Mesh(np.array(jax.devices()), ("k",)), PartitionSpec("k"))
        values = jax.jit(lambda batch: batch(counts))(jax.device_put(lines.as_arrays(), sharding))
        np.testing.assert_array_equal(values, np.stack([lr(counts) for lr in lines]))
        assert values.sharding.is_equivalent_to(sharding, 2)
        """,
    )


def test_devices_exchange_nothing():
    on_devices(
        2,
        """
        import re, jax, numpy as np, jaxlr
        from jaxlr.batches import processors
        from jaxlr.search import random_schedules
        compiled, programs = processors._compiled("cpu"), []

        def recorded(*arguments):
            programs.append(compiled.lower(*arguments).compile().as_text())
            return compiled(*arguments)

        processors._compiled = lambda platform: recorded
        counts = np.arange(600)
        waves = jaxlr.batches.zipped(jaxlr.cosine_decay_schedule, init_value=np.arange(1.0, 5.0),
                             decay_steps=[100, 300, 500, 700])
        mixed = random_schedules(jax.random.key(0), 12, total_steps=600, peak=1.0)
        for batch in (waves, mixed):
            values = jaxlr.evaluate(batch, counts)
            np.testing.assert_array_equal(values, [lr(counts) for lr in batch])
            np.testing.assert_array_equal(jaxlr.evaluate(batch, 7), [lr(7) for lr in batch])
            np.testing.assert_array_equal(
                jaxlr.evaluate(batch, counts, out=values), [lr(counts) for lr in batch]
            )
        assert len(programs) == 6
        assert not re.search("all-|collective", " ".join(programs))
        """,
    )


def test_counts_and_results_may_be_on_other_devices():
    on_devices(
        4,
        """
        import jax, numpy as np, jaxlr
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        devices, counts = jax.devices(), np.arange(20)
        sharding = NamedSharding(Mesh(np.array(devices), ("k",)), PartitionSpec("k"))
        lines = jaxlr.grid(jaxlr.linear_schedule, init_value=np.arange(1.0, 9.0), end_value=0.0,
                           transition_steps=8)
        for batch in (lines, lines[:1], lines[:3], lines[:5]):
            expected = np.stack([lr(counts) for lr in batch])
            for elsewhere in (devices[2], sharding):
                there = jax.device_put(counts, elsewhere)
                np.testing.assert_array_equal(jaxlr.evaluate(batch, there), expected)
                np.testing.assert_array_equal(jaxlr.evaluate(batch[0], there), expected[0])
                values = jaxlr.evaluate(batch, there, devices=devices[1:2])
                assert values.devices() == {devices[1]}
            first = jaxlr.evaluate(batch, counts)
            memory = [part.data.unsafe_buffer_pointer() for part in first.addressable_shards]
            second = jaxlr.evaluate(batch, counts, out=first)
            assert first.is_deleted()
            taken = [part.data.unsafe_buffer_pointer() for part in second.addressable_shards]
            assert taken == memory
            np.testing.assert_array_equal(second, expected)
        whole = NamedSharding(Mesh(np.array(devices), ("k",)), PartitionSpec())
        elsewhere = (jaxlr.evaluate(lines, counts, devices=devices[:2]),
                     jax.device_put(jaxlr.evaluate(lines, counts), whole))
        for out in elsewhere:
            try:
                jaxlr.evaluate(lines, counts, out=out)
            except ValueError as error:
                assert "`out` must have the sharding" in str(error), error
            else:
                raise AssertionError("an array on other devices was taken")
        """,
    )


def test_a_mesh_of_explicit_axes_is_as_good_as_any():
    """It is what ``jax.make_mesh`` makes."""
    on_devices(
        2,
        """
        import contextlib, jax, numpy as np, jaxlr
        from jax.sharding import AxisType, NamedSharding, PartitionSpec
        counts = np.arange(20)
        mesh = jax.make_mesh((2,), ("k",), axis_types=(AxisType.Explicit,))
        lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0, 2.0, 3.0, 4.0], end_value=0.0,
                           transition_steps=8)
        waves = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=[1.0, 2.0, 3.0, 4.0],
                           decay_steps=8)
        for batch in (lines, jaxlr.concatenate([lines, waves])):
            expected = np.stack([lr(counts) for lr in batch])
            there = jax.device_put(batch.as_arrays(), NamedSharding(mesh, PartitionSpec("k")))
            for context in (contextlib.nullcontext(), jax.set_mesh(mesh)):
                with context:
                    assert list(there) == list(batch)
                    assert there[1:3] == batch[1:3]
                    assert there[[3, 0]] == batch[[3, 0]]
                    for other in (there, batch):
                        both = jaxlr.concatenate([there, other])
                        assert list(both) == [*batch, *batch]
                        np.testing.assert_array_equal(both(counts), [*expected, *expected])
                    assert str(there).splitlines()[0] == f"Batch of {len(batch)} schedules"
                    np.testing.assert_array_equal(jaxlr.evaluate(there, counts), expected)
                    np.testing.assert_array_equal(jaxlr.evaluate(batch, counts), expected)
                    np.testing.assert_array_equal(jaxlr.evaluate(batch[0], counts), expected[0])
            with jax.set_mesh(mesh):
                assert jax.typeof(there(counts)).sharding.spec == PartitionSpec("k", None)
                np.testing.assert_array_equal(there(counts), expected)
        """,
    )


@pytest.mark.slow
def test_a_mesh_of_explicit_axes_is_as_good_for_what_is_looked_up_or_drawn():
    on_devices(
        2,
        """
        import jax, numpy as np, jaxlr
        from jax.sharding import AxisType, NamedSharding, PartitionSpec
        mesh = jax.make_mesh((2,), ("k",), axis_types=(AxisType.Explicit,))
        spread, counts = NamedSharding(mesh, PartitionSpec("k")), np.arange(5000)
        factors = {step: 0.99 for step in range(10, 310, 3)}
        pieces = jaxlr.grid(lambda peak: jaxlr.piecewise_constant_schedule(peak, factors),
                            peak=[1.0, 2.0])
        restarts = jaxlr.grid(jaxlr.cosine_restarts_schedule, init_value=[1.0, 2.0],
                              first_decay_steps=100)
        noise = jaxlr.grid(lambda peak: jaxlr.with_noise(jaxlr.constant_schedule(peak), 0.1),
                           peak=[1.0, 2.0])
        for batch in (pieces, restarts, jaxlr.concatenate([noise, noise]),
                      jaxlr.concatenate([noise, pieces])[[2, 0, 1, 3]]):
            expected = np.asarray(batch(counts))
            there = jax.device_put(batch.as_arrays(), spread)
            with jax.set_mesh(mesh):
                for values in (there(counts), jax.jit(lambda batch: batch(counts))(there)):
                    assert jax.typeof(values).sharding.spec == PartitionSpec("k", None)
                    np.testing.assert_allclose(values, expected, rtol=1e-6)
                values = batch(jax.device_put(counts, spread))
                assert jax.typeof(values).sharding.spec == PartitionSpec(None, "k")
                np.testing.assert_allclose(values, expected, rtol=1e-6)
        """,
    )
