"""Saves adapters as PEFT does: peft_save.py MODEL_DIR OUTPUT_DIR PAIRS.jsonl < CONFIGS.json

CONFIGS is an object of {"dtype": ..., and LoraConfig's arguments} by name. Each adapter is made, set to random values, cast, and saved to
OUTPUT_DIR/NAME. Prints the log-probabilities of the pairs under each, read back by PEFT, as lists of [chosen, rejected] lists of tokens.
"""
import json
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

base, output, pairs = sys.argv[1:]
rows = [json.loads(line) for line in open(pairs)]
out = {}
for name, config in json.load(sys.stdin).items():
    dtype = getattr(torch, config.pop("dtype"))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **config))
    torch.manual_seed(1)
    for key, p in model.named_parameters():
        if p.requires_grad:
            p.data += 0.02 * torch.randn_like(p)
            p.data = p.data.to(dtype)
    model.save_pretrained(f"{output}/{name}")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), f"{output}/{name}").double()

    def logp(prompt, completion):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].double()
        return torch.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None])[:, 0].tolist()

    out[name] = [[logp(r["prompt_ids"], r["chosen_ids"]), logp(r["prompt_ids"], r["rejected_ids"])] for r in rows]
print(json.dumps(out))
