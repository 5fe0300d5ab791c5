"""TRL's DPOTrainer on the same pairs: time and memory of its reference pass and of its training steps.

    HF_HUB_OFFLINE=1 python trl_dpo.py --model DIR --pairs FILE [--limit N --batch-size 1 --steps 2 --lora 0 --bf16 --gradient-checkpointing]

Prints one JSON object: pair_ids, ref_logps (a chosen and a rejected sum each), reference_s, losses and steps_s (one a step), train_s
and train_pairs (of the steps but the first --warm), peak_mb (the process's), versions.
"""
import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time

from pairs import arguments, pair_id, sample

ap = argparse.ArgumentParser()
ap.add_argument("--batch-size", type=int, default=1)
ap.add_argument("--lora", type=int, default=0, help="rank, on all linear layers; 0 trains all weights")
ap.add_argument("--gradient-checkpointing", action="store_true")
a = arguments(ap)
tmp = tempfile.mkdtemp()
os.environ["HF_DATASETS_CACHE"] = tmp  # never a hit of an earlier run

import peft
import torch
import transformers
import trl
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

torch.set_num_threads(a.threads)
out = {
    "steps_s": [],
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__, "peft": peft.__version__},
}
precompute = DPOTrainer._precompute_ref_logps


def timed_precompute(self, dataset, name, batch_size):
    start = time.time()
    dataset = precompute(self, dataset, name, batch_size)
    out["reference_s"] = time.time() - start
    cut = lambda r, side: r[side][: a.max_length - len(r["prompt_ids"])]
    out["pair_ids"] = [pair_id(r["prompt_ids"], cut(r, "chosen_ids"), cut(r, "rejected_ids")) for r in dataset]
    out["ref_logps"] = [[r["ref_chosen_logps"], r["ref_rejected_logps"]] for r in dataset]
    return dataset


DPOTrainer._precompute_ref_logps = timed_precompute


class Steps(TrainerCallback):
    def on_step_begin(self, *_, **__):
        self.start = time.time()

    def on_step_end(self, *_, **__):
        out["steps_s"].append(time.time() - self.start)


tokenizer = AutoTokenizer.from_pretrained(a.model)
peft_config = None
if a.lora:
    peft_config = peft.LoraConfig(r=a.lora, lora_alpha=2 * a.lora, target_modules="all-linear", task_type="CAUSAL_LM")
stdout, sys.stdout = sys.stdout, sys.stderr
trainer = DPOTrainer(
    model=AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa"),
    args=DPOConfig(
        output_dir=tmp, use_cpu=True, bf16=a.bf16, precompute_ref_log_probs=True, max_length=a.max_length,
        per_device_train_batch_size=a.batch_size, gradient_accumulation_steps=max(1, 4 // a.batch_size),
        precompute_ref_batch_size=a.batch_size, max_steps=a.steps, gradient_checkpointing=a.gradient_checkpointing,
        learning_rate=1e-6, lr_scheduler_type="constant", train_sampling_strategy="sequential", logging_steps=1, report_to=[],
        save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
    ),
    train_dataset=Dataset.from_list(sample(a.pairs, tokenizer, a.every, a.max_length, a.limit)),
    processing_class=tokenizer,
    callbacks=[Steps()],
    peft_config=peft_config,
)
trainer.train()
sys.stdout = stdout
out["losses"] = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
timed = out["steps_s"][a.warm :]
out["train_s"] = sum(timed)
out["train_pairs"] = max(4, a.batch_size) * len(timed)
out["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(out))
shutil.rmtree(tmp)
