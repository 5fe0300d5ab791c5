"""Trains with TRL on an export as docs/export.md says: trl_export.py DIRECTORY GUIDE.md OPTIONS

Runs the Python of GUIDE in DIRECTORY, which has model/ and export.parquet, with the JSON object OPTIONS as defaults of DPOConfig. What
belongs to a reference model raises. Prints a JSON object: the log of training, how many models were loaded, how often one ran and how often
of these without gradients, and what the guide's first part printed.
"""
import contextlib
import functools
import io
import json
import os
import re
import sys

directory, guide, options = sys.argv[1], open(sys.argv[2]).read(), json.loads(sys.argv[3])
os.chdir(directory)
os.environ["HF_HOME"] = os.path.join(directory, "huggingface")

import torch
import transformers
import trl
import trl.trainer.dpo_trainer as dpo

forwards, loaded = [], []


def refuse(*args, **kwargs):
    raise AssertionError("a dataset was tokenized, or a reference's log-probabilities computed")


def note_forward(module, args):
    if isinstance(module, transformers.PreTrainedModel) and module.base_model is module:
        forwards.append(torch.is_grad_enabled())


def note_load(*args, load=dpo.create_model_from_path, **kwargs):
    loaded.append(args)
    return load(*args, **kwargs)


torch.nn.modules.module.register_module_forward_pre_hook(note_forward)
dpo.create_model_from_path = note_load
for name in ("_prepare_dataset", "_precompute_ref_logps", "compute_ref_log_probs"):
    assert hasattr(trl.DPOTrainer, name), name
    setattr(trl.DPOTrainer, name, refuse)
trl.DPOConfig = functools.partial(trl.DPOConfig, **options)

blocks = re.findall(r"^```python\n(.*?)^```$", guide, re.M | re.S)
names, printed = {}, []
for block in blocks:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block, sys.argv[2], "exec"), names)
    printed.append(out.getvalue())
trainer = names["trainer"]
print(json.dumps({
    "log": [step for step in trainer.state.log_history if "loss" in step],
    "dtype": str(trainer.model.dtype),
    "reference": trainer.ref_model is not None,
    "loaded": len(loaded),
    "forwards": len(forwards),
    "without_gradients": forwards.count(False),
    "blocks": len(blocks),
    "printed": printed[0],
}))
