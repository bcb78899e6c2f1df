import type { ExportFormat } from "./export-format.js";
import { nameReport, torchGroups } from "./python-snippets.js";
import { collectScales, provenance, pythonScales } from "./scale-data.js";

const usage = `\
Learning-rate scales for the parameters of a transformers model, from its architecture (CaAdam).

    from caadam_scales import ScaledTrainer

    trainer = ScaledTrainer(model=model, args=training_args, train_dataset=dataset)

For other trainers (Seq2SeqTrainer ...): class MyTrainer(ScaledTrainerMixin, Seq2SeqTrainer): ...
The optimizer, its arguments and which parameters decay stay as the trainer chooses them. An
optimizer that you pass in yourself (optimizers=...) is left alone. The learning rate in the logs is
that of the first parameter group, so includes its scale.

AdamW multiplies weight decay by the learning rate, so the decay is scaled too. To keep it as it is,
set scale_weight_decay = False on the trainer or its class before training.`;

const classes = `\
class ScaledTrainerMixin:
    """Splits the parameter groups of the trainer's own optimizer by scale."""

    scale_weight_decay = True

    def create_optimizer(self, model=None):
        is_new = self.optimizer is None
        arguments = () if model is None else (model,)
        optimizer = super().create_optimizer(*arguments)
        if is_new:
            optimizer.param_groups[:] = scaled_groups(
                optimizer.param_groups,
                self.model if model is None else model,
                scale_weight_decay=self.scale_weight_decay,
            )
        return optimizer


class ScaledTrainer(ScaledTrainerMixin, Trainer):
    """transformers.Trainer with learning rates scaled by architecture."""
`;

/** A Python file with a `Trainer` whose optimizer uses the scales. */
export const transformers: ExportFormat = {
  summary: "Python file: a Trainer (and a mixin for others) for transformers",
  extension: ".py",
  generate: (table) => `\
"""${usage}

${provenance(table)}
"""

import warnings

from transformers import Trainer

${pythonScales(collectScales(table))}

${torchGroups}

${nameReport}

${classes}`,
};
