import type { ExportFormat } from "./export-format.js";
import { pythonString } from "./python-literals.js";
import { collectScales, type NamedScale, provenance, pythonScales } from "./scale-data.js";

const usage = `\
Learning-rate scales for the parameters of an MMEngine model, from its architecture (CaAdam).

In a config file:

    _base_ = ["caadam_scales.py"]
    optim_wrapper = dict(
        type="OptimWrapper",
        optimizer=dict(type="Adam", lr=1e-3),
        paramwise_cfg=_base_.paramwise_cfg,
    )

In a program, or in a config with read_base():

    from caadam_scales import paramwise_cfg

MMEngine ignores bias_lr_mult, norm_decay_mult and the like for a parameter that custom_keys names.
To have both, call paramwise(norm_decay_mult=0.0, custom_keys={"backbone": dict(lr_mult=0.1)}):
it multiplies them into the scales. It does not know flat_decay_mult and dwconv_decay_mult.

AdamW and SGD multiply weight decay by the learning rate, so the decay is scaled too; to keep it as
it is: paramwise(scale_weight_decay=False).

MMEngine takes the longest key that is a part of a parameter's name. Each name below is the longest
for its own parameter; a parameter that is not below, such as aux.fc.weight, gets the scale of
fc.weight if that is.`;

const functions = `\
def paramwise(
    bias_lr_mult=1.0,
    bias_decay_mult=1.0,
    norm_decay_mult=None,
    custom_keys=None,
    scale_weight_decay=True,
    **others,
):
    """A paramwise_cfg with the scales, multiplied by what MMEngine would apply without them."""
    own = dict(custom_keys or {})
    own_by_length = sorted(sorted(own), key=len, reverse=True)
    keys = dict(own)
    for name, scale in SCALES.items():
        is_norm, is_bias = name in NORMS, name.split(".")[-1] == "bias"
        custom = next((own[key] for key in own_by_length if key in name), None)
        if custom is not None:
            lr_mult, decay_mult = custom.get("lr_mult", 1.0), custom.get("decay_mult", 1.0)
        else:
            lr_mult = bias_lr_mult if is_bias and not is_norm else 1.0
            decay_mult = bias_decay_mult if is_bias else 1.0
            if is_norm and norm_decay_mult is not None:
                decay_mult = norm_decay_mult
        if not scale_weight_decay and scale != 0:
            decay_mult /= scale
        keys[name] = dict(custom or {}, lr_mult=lr_mult * scale)
        # MMEngine refuses decay_mult where the optimizer has no weight_decay, so only where needed.
        if decay_mult != 1.0 or "decay_mult" in keys[name]:
            keys[name]["decay_mult"] = decay_mult
    if bias_lr_mult != 1.0:
        others["bias_lr_mult"] = bias_lr_mult
    if bias_decay_mult != 1.0:
        others["bias_decay_mult"] = bias_decay_mult
    if norm_decay_mult is not None:
        others["norm_decay_mult"] = norm_decay_mult
    return dict(others, custom_keys=keys)


paramwise_cfg = paramwise()
`;

/** A Python file with the `paramwise_cfg` of an MMEngine optimizer wrapper. */
export const mmengine: ExportFormat = {
  summary: "Python file: paramwise_cfg for the optim_wrapper of MMEngine (MMDetection, MMPretrain ...)",
  extension: ".py",
  generate: (table) => {
    const data = collectScales(table);
    return `\
"""${usage}

${provenance(table)}
"""

${pythonScales(data)}

${pythonNorms(data.scales)}


${functions}`;
  },
};

/** The names that norm_decay_mult applies to. */
function pythonNorms(scales: readonly NamedScale[]): string {
  const norms = scales.filter(({ role }) => role === "norm-scale" || role === "norm-bias");
  const heading = "# Scale and shift of normalization layers, for norm_decay_mult.";
  if (norms.length === 0) return `${heading}\nNORMS = []`;
  return [heading, "NORMS = [", ...norms.map(({ name }) => `    ${pythonString(name)},`), "]"].join("\n");
}
