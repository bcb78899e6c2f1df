import type { ExportFormat } from "./export-format.js";
import { nameReport } from "./python-snippets.js";
import { collectScales, provenance, pythonScales } from "./scale-data.js";

const usage = `\
Learning-rate scales for the parameters of a JAX model, from its architecture (CaAdam).

    from caadam_scales import scale_by_architecture

    optimizer = optax.chain(optax.adam(1e-3), scale_by_architecture())

Put it after what computes the update: whether before or after the learning rate makes no
difference. Weight decay that comes earlier in the chain, as in optax.adamw, is scaled too; to leave
it as it is, add it later: chain(scale_by_adam(), scale_by_architecture(),
add_decayed_weights(0.01), scale_by_learning_rate(1e-3)).

Parameters are found by their path in the tree (nested dictionaries of Flax or Haiku, states of
Flax NNX, Equinox modules). layers.0.weight, layers/0/kernel and params/layers_0/kernel are one
name; so are weight, kernel, scale, gamma and embedding as the last part, and bias, beta and offset.
Where your tree has other names, edit SCALES or pass scale_by_architecture({...}).`;

const functions = `\
# What one thing is called by different libraries.
_SYNONYMS = {
    **dict.fromkeys(("kernel", "w", "scale", "gamma", "embedding", "embeddings"), "weight"),
    **dict.fromkeys(("b", "beta", "offset"), "bias"),
}


def scale_by_architecture(scales=None):
    """A gradient transformation that multiplies each parameter's update by its scale."""
    scales = SCALES if scales is None else scales
    names = {}
    for name in scales:
        names.setdefault(canonical_name(name), []).append(name)

    def find(path):
        """The table's name for a path in the tree; None where there is none, or more than one."""
        name = path_name(path)
        if name in scales:
            return name
        found = names.get(canonical_name(name), [])
        return found[0] if len({scales[name] for name in found}) == 1 else None

    def init(params):
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        unknown = [path_name(path) for path in paths if find(path) is None]
        present = {canonical_name(path_name(path)) for path in paths}
        missing = [name for name in scales if canonical_name(name) not in present]
        report(len(paths) > len(unknown), unknown, missing)
        return optax.EmptyState()

    def update(updates, state, params=None):
        del params
        # Scales are constants of the compiled program, so this costs no lookup at run time.
        return jax.tree_util.tree_map_with_path(scale_update, updates), state

    def scale_update(path, update):
        name = find(path)
        return update if name is None else update * scales[name]

    return optax.GradientTransformation(init, update)


def path_name(path):
    """A path in a tree as one name, without Flax's collection "params" and NNX's ".value"."""
    parts = [_part(key) for key in path]
    if len(parts) > 1 and parts[0] == "params":
        parts = parts[1:]
    if len(parts) > 1 and isinstance(path[-1], jax.tree_util.GetAttrKey) and parts[-1] == "value":
        parts = parts[:-1]
    return ".".join(parts)


def _part(key):
    """One step of such a path: a dictionary's key, an attribute's name or an index."""
    fields = [getattr(key, field) for field in ("key", "name", "idx") if hasattr(key, field)]
    return str(fields[0] if fields else key)


def canonical_name(name):
    """The name that the different spellings of one parameter's name share."""
    parts = [part for part in re.split(r"[./]", name) if part != "~"]
    parts[-1:] = [_SYNONYMS.get(part, part) for part in parts[-1:]]
    return re.sub(r"\\.(?=\\d+(\\.|$))", "_", ".".join(parts))
`;

/** A Python file with the gradient transformation `scale_by_architecture()` for Optax. */
export const optax: ExportFormat = {
  summary: "Python file: a gradient transformation for Optax (Flax, Haiku, Equinox)",
  extension: ".py",
  generate: (table) => `\
"""${usage}

${provenance(table)}
"""

import re
import warnings

import jax
import optax

${pythonScales(collectScales(table))}

${functions}

${nameReport}`,
};
