"""A jaxlr schedule in a training loop of one's own: plain optax and Flax, 8x8 digits.

The schedule is an argument of the compiled step, so a second one does not compile it again.
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits

import jaxlr

images, labels = map(jnp.asarray, load_digits(return_X_y=True))
images = images.astype(jnp.float32) / 16
train, test = (images[:1437], labels[:1437]), (images[1437:], labels[1437:])
rngs = nnx.Rngs(0)
model = nnx.Sequential(nnx.Linear(64, 128, rngs=rngs), nnx.relu, nnx.Linear(128, 10, rngs=rngs))
structure, initial_params = nnx.split(model)
traces = 0


def loss_and_accuracy(params, batch):
    """Returns the mean cross entropy and the share of right answers."""
    images, labels = batch
    logits = nnx.merge(structure, params)(images)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return loss, (logits.argmax(axis=-1) == labels).mean()


@jax.jit
def step(params, state, batch, lr):
    """Makes one update; ``lr`` is a pytree of arrays, an argument as any other."""
    global traces
    traces += 1  # Python runs this only when JAX traces the function in order to compile it.
    gradient, _ = jax.grad(loss_and_accuracy, has_aux=True)(params, batch)
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=lr)
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state


for peak in (1e-2, 3e-3):
    lr = jaxlr.warmup_cosine_decay_schedule(0.0, peak, warmup_steps=50, decay_steps=440)
    lr = lr.as_arrays()  # numbers in the type of JAX, so that all programs take them
    params, state = initial_params, optax.inject_hyperparams(optax.adam)(lr).init(initial_params)
    print(f"a peak of {peak}")
    for epoch in range(10):
        order = jax.random.permutation(jax.random.key(epoch), 1437)[:1408]
        for indices in order.reshape(44, 32):
            params, state = step(params, state, (train[0][indices], train[1][indices]), lr)
        loss, accuracy = loss_and_accuracy(params, test)
        rate = jaxlr.current_value(state)
        print(f"epoch {epoch + 1}: loss {loss:.3f}, accuracy {accuracy:.1%}, rate {rate:.2e}")
print(f"traces of the step for two schedules: {traces}")
