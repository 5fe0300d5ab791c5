"""Log-probabilities and gradients of LoRA adapters by PEFT: peft_gradients.py < JOBS.json

JOBS is a list of {"model": directory, "out": directory, "config": LoraConfig's arguments, "pairs": [...], "d": [...]}. Each adapter is made,
set to random float32 values and saved to out; then out/grads.safetensors holds the gradient of Σ d·logp over the pairs' completion tokens
for every tensor of the adapter, under its name there. All is computed in float64. Prints a list of the jobs' log-probabilities.
"""
import json
import sys

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

out = []
for job in json.load(sys.stdin):
    model = AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **job["config"]))
    torch.manual_seed(1)
    for p in model.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    model.save_pretrained(job["out"])
    model = model.double()
    logps = []
    for pair in job["pairs"]:
        for side in ("chosen_ids", "rejected_ids"):
            ids = pair[side]
            logits = model(torch.tensor([pair["prompt_ids"] + ids])).logits[0, len(pair["prompt_ids"]) - 1 : -1]
            logps.append(torch.log_softmax(logits, -1).gather(1, torch.tensor(ids)[:, None])[:, 0])
    logps = torch.cat(logps)
    (logps * torch.tensor(job["d"], dtype=torch.float64)).sum().backward()
    grads = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            grads[name] = (torch.zeros_like(p) if p.grad is None else p.grad).float()
    kept = get_peft_model_state_dict(model, state_dict={**model.state_dict(), **grads})
    save_file({k: v.contiguous() for k, v in kept.items()}, job["out"] + "/grads.safetensors")
    out.append(logps.tolist())
print(json.dumps(out))
