/** Python, shared by the formats: which names the model and the table do not share. Needs the module `warnings`. */
export const nameReport = `\
def report(known, unknown, missing):
    """Says which names model and table do not share; it is an error that they share none."""
    if not known:
        raise ValueError(
            "this model and the table of scales have no name in common: "
            f"the model has {_some(unknown)}; the table has {_some(missing)}"
        )
    if unknown:
        warnings.warn(f"not in the table of scales, so at scale 1: {_some(unknown)}", stacklevel=3)
    if missing:
        warnings.warn(f"in the table, but not trained here: {_some(missing)}", stacklevel=3)


def _some(names):
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "none") + more
`;

/**
 * Python, shared by the formats that work on a torch.nn.Module: parameters are found by name, and parameter groups are
 * split by scale. Needs the dictionary SCALES and nameReport.
 */
export const torchGroups = `\
# What torch.compile, FSDP and activation checkpointing put into the names of parameters.
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def plain_name(name):
    """A parameter's name without what wrappers, also DDP and DataParallel, put into it."""
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    while len(parts) > 1 and parts[0] == "module":
        parts = parts[1:]
    return ".".join(parts)


_PLAIN_SCALES = {plain_name(name): scale for name, scale in SCALES.items()}


def scale_of(name):
    """The scale of the parameter with this name; None where the table does not know it."""
    return SCALES.get(name, _PLAIN_SCALES.get(plain_name(name)))


def parameter_scales(model):
    """The scale of each of the model's parameters that the table knows, by the parameter's id."""
    known, unknown, seen = {}, {}, set()
    # Tied parameters come under each of their names; the first that the table knows counts.
    for name, parameter in model.named_parameters(remove_duplicate=False):
        seen.add(plain_name(name))
        scale = scale_of(name)
        if scale is not None:
            known.setdefault(id(parameter), scale)
        elif parameter.requires_grad:
            unknown.setdefault(id(parameter), name)
    unknown = [name for key, name in unknown.items() if key not in known]
    missing = [name for name in SCALES if plain_name(name) not in seen]
    report(known, unknown, missing)
    return known


def scaled_groups(groups, model, *, scale_weight_decay=True):
    """Parameter groups, each split into one for each scale, at that scale times its lr."""
    scales = parameter_scales(model)
    result = []
    for group in groups:
        if not scale_weight_decay and "weight_decay" not in group:
            raise TypeError("scale_weight_decay=False needs an explicit weight_decay")
        by_scale = {}
        for parameter in group["params"]:
            if parameter.requires_grad:
                by_scale.setdefault(scales.get(id(parameter), 1.0), []).append(parameter)
        for scale, parameters in by_scale.items():
            scaled = {**group, "params": parameters, "lr": group["lr"] * scale}
            if not scale_weight_decay and scale != 0:
                scaled["weight_decay"] = group["weight_decay"] / scale
            result.append(scaled)
    return result
`;
