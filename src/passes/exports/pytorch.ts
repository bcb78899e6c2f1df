import type { ExportFormat } from "./export-format.js";
import { nameReport, torchGroups } from "./python-snippets.js";
import { collectScales, provenance, pythonScales } from "./scale-data.js";

const usage = `\
Learning-rate scales for the parameters of a PyTorch model, from its architecture (CaAdam).

    from caadam_scales import parameter_groups

    optimizer = torch.optim.Adam(parameter_groups(model, lr=1e-3))

Works with every optimizer that takes parameter groups and with every scheduler that multiplies the
learning rate. OneCycleLR and CyclicLR replace it: give them one rate for each group, such as
max_lr=[10 * group["lr"] for group in optimizer.param_groups]. The model may be wrapped (DDP,
DataParallel, FSDP, torch.compile) or not. Frozen parameters are left out.

AdamW and SGD multiply weight decay by the learning rate, so the decay is scaled too. To keep it as
it is: parameter_groups(model, lr=1e-3, weight_decay=0.01, scale_weight_decay=False).

Where you have groups of your own, say without weight decay for biases, split each by scale:
torch.optim.AdamW(scaled_groups([{"params": [...], "lr": 1e-3, "weight_decay": 0.01}, ...], model)).`;

const functions = `\
def parameter_groups(model, lr, *, scale_weight_decay=True, **defaults):
    """Parameter groups for a PyTorch optimizer, one for each scale; defaults go into each."""
    group = {"params": list(model.parameters()), "lr": lr, **defaults}
    return scaled_groups([group], model, scale_weight_decay=scale_weight_decay)
`;

/** A Python file with `parameter_groups(model, lr)` for the optimizers of PyTorch. */
export const pytorch: ExportFormat = {
  summary: "Python file: parameter groups for the optimizers of PyTorch",
  extension: ".py",
  generate: (table) => `\
"""${usage}

${provenance(table)}
"""

import warnings

${pythonScales(collectScales(table))}

${torchGroups}

${nameReport}

${functions}`,
};
