#!/usr/bin/env python3
"""Train a checkpoint as TRL's DPOTrainer does, on token ids, and write down every step.

    python trl_trajectory.py MODEL_DIR TRAJECTORY.json FINAL_DIR [INIT_DIR]

TRAJECTORY.json holds `options` (DPOConfig's names) and `pairs` (prompt_ids, chosen_ids, rejected_ids), and
`lora` (LoraConfig's) where an adapter is trained, which is saved in INIT_DIR before the first step. The script
adds the log of a run in float32, the log of one in float64, and saves the final weights of the float32 run in
FINAL_DIR. Rows come in the order of the file; the reference is the starting model.
"""
import copy
import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
import datasets
import peft
import safetensors.torch
import tokenizers
import torch
import transformers
import trl

KEEP_OUT = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss")


class Ids(trl.DPOTrainer):
    def _prepare_dataset(self, dataset, *args):
        return dataset  # it is tokenized


def train(model_dir, run, dtype, final=None, init=None):
    options, pairs, lora = run["options"], run["pairs"], run.get("lora")
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, experts_implementation="eager").to(dtype)
    vocab = tokenizers.models.WordLevel({str(i): i for i in range(model.config.vocab_size)}, unk_token="0")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(vocab), pad_token="0", eos_token="1")
    with tempfile.TemporaryDirectory() as tmp:
        args = trl.DPOConfig(output_dir=tmp, logging_steps=1, report_to=[], save_strategy="no", bf16=False, fp16=False, use_cpu=True,
                             gradient_checkpointing=False, disable_tqdm=True, dataloader_drop_last=False, **options)
        kwargs = {"ref_model": copy.deepcopy(model)}
        if lora:
            kwargs = {"peft_config": peft.LoraConfig(task_type="CAUSAL_LM", **lora)}
        t = Ids(model=model, args=args, train_dataset=datasets.Dataset.from_list(pairs), processing_class=tokenizer, **kwargs)
        if lora and final:
            t.model.save_pretrained(init)
        elif lora:
            peft.set_peft_model_state_dict(t.model, safetensors.torch.load_file(init / "adapter_model.safetensors"))
        t.train()
        log = [{k: v for k, v in row.items() if k not in KEEP_OUT and k != "step"} for row in t.state.log_history]
        if final:
            t.model.save_pretrained(final)
            for directory in filter(None, (final, init)):
                for extra in ("generation_config.json", "README.md"):
                    (directory / extra).unlink(missing_ok=True)
    return [row for row in log if "loss" in row]


def main():
    model_dir, path, final, *init = map(pathlib.Path, sys.argv[1:])
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    run = json.loads(path.read_text())
    run["made_by"] = f"TRL {trl.__version__}, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, peft {peft.__version__}, float32"
    run["log"] = train(model_dir, run, torch.float32, final, *init)
    run["log_float64"] = train(model_dir, run, torch.float64, None, *init)
    path.write_text(json.dumps(run) + "\n")


if __name__ == "__main__":
    main()
