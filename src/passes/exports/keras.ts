import type { ExportFormat } from "./export-format.js";
import { nameReport } from "./python-snippets.js";
import { collectScales, provenance, pythonScales } from "./scale-data.js";

const usage = `\
Learning-rate scales for the variables of a Keras 3 model, from its architecture (CaAdam).

    from caadam_scales import scaled

    model.compile(optimizer=scaled(keras.optimizers.Adam)(learning_rate=1e-3), loss=...)

Works on TensorFlow, JAX and PyTorch, with schedules, with every optimizer class that updates its
variables one by one (all but the wrappers LossScaleOptimizer and MultiOptimizer: scale what is
inside). Saved models keep their scales; import this file before keras.models.load_model. Variables
are found by their path, with or without the name of the model in front. Weight decay is not
scaled: Keras applies it apart from the update.`;

const functions = `\
def match_scales(paths, scales):
    """The scale of each variable by its path; 1 and a warning where the table does not know it."""
    if not paths:
        return []
    exact = set(paths) & set(scales)
    by_tail = _by_tail(name for name in scales if name not in exact)
    shared_tails = {tail for tail, same in _by_tail(set(paths) - exact).items() if len(same) > 1}
    names = []
    for path in paths:
        tail = _tail(path)
        # Without the first part on one side only: two names of models are two models.
        found = [name for name in by_tail.get(tail, []) if tail == name or path == _tail(name)]
        if path in exact:
            names.append(path)
        elif len(found) == 1 and tail not in shared_tails:
            names.append(found[0])
        else:
            names.append(None)
    known = {name for name in names if name is not None}
    unknown = [path for path, name in zip(paths, names) if name is None]
    report(known, unknown, [name for name in scales if name not in known])
    return [1.0 if name is None else scales[name] for name in names]


def _by_tail(paths):
    result = {}
    for path in paths:
        result.setdefault(_tail(path), []).append(path)
    return result


def _tail(path):
    """A path without the name of the model in front; the names of layer and variable stay."""
    return path.split("/", 1)[1] if path.count("/") > 1 else path


@functools.cache
def scaled(optimizer_class):
    """The optimizer class, with each variable's learning rate multiplied by its scale."""
    if (
        optimizer_class.update_step is keras.optimizers.Optimizer.update_step
        or hasattr(optimizer_class, "_parallel_update_step")  # the torch backend's own classes
    ):
        raise TypeError(f"{optimizer_class} does not update variables one by one")

    class Scaled(optimizer_class):
        def __init__(self, *args, scales=None, **kwargs):
            super().__init__(*args, **kwargs)
            self._scales_by_name = dict(SCALES if scales is None else scales)

        def build(self, variables):
            if not self.built:
                paths = [getattr(variable, "path", variable.name) for variable in variables]
                self._variable_scales = tuple(match_scales(paths, self._scales_by_name))
            super().build(variables)

        def update_step(self, gradient, variable, learning_rate):
            scale = self._variable_scales[self._get_variable_index(variable)]
            learning_rate = keras.ops.cast(learning_rate, variable.dtype) * scale
            return super().update_step(gradient, variable, learning_rate)

        def get_config(self):
            return {**super().get_config(), "scales": dict(self._scales_by_name)}

    Scaled.__name__ = Scaled.__qualname__ = f"Scaled{optimizer_class.__name__}"
    Scaled.__doc__ = f"{optimizer_class.__name__} with learning rates scaled by architecture."
    return keras.saving.register_keras_serializable("caadam")(Scaled)


# So that keras.models.load_model knows them. For any other class, call scaled() before loading.
for _name in ("Adam", "AdamW", "Adamax", "Nadam", "SGD", "RMSprop", "Adagrad", "Lion"):
    scaled(getattr(keras.optimizers, _name))
`;

/** A Python file with `scaled(optimizer_class)` for Keras 3. */
export const keras: ExportFormat = {
  summary: "Python file: optimizer classes for Keras 3 (TensorFlow, JAX and PyTorch)",
  extension: ".py",
  generate: (table) => `\
"""${usage}

${provenance(table)}
"""

import functools
import warnings

import keras

${pythonScales(collectScales(table))}


${nameReport}

${functions}`,
};
