"""Loads checkpoints with transformers and bitsandbytes in 4 bits, saves them and prints what they say.

argv[1] is a JSON list of {"model", "out", "type", "nested", "dtype", "pairs"}; the output has, for each, the log-probabilities of all completion
tokens in the pairs' order, chosen before rejected."""
import json
import logging
import os
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.utils import logging as hf_logging

logging.disable(logging.WARNING)
hf_logging.disable_progress_bar()
torch.set_num_threads(1)
out = []
for job in json.loads(sys.argv[1]):
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type=job["type"], bnb_4bit_use_double_quant=job["nested"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], quantization_config=config, dtype=getattr(torch, job["dtype"]), device_map="cpu")
    model.save_pretrained(job["out"])
    # Of what was stored; in float32, and in training mode, for otherwise bitsandbytes computes in bfloat16 on some processors.
    model = AutoModelForCausalLM.from_pretrained(job["out"], dtype=torch.float32, device_map="cpu").train()
    for p in model.parameters():  # transformers keeps the type of what is stored
        if p.dtype != torch.uint8:
            p.data = p.data.float()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    logps = []
    with torch.no_grad():
        for pair in job["pairs"]:
            for side in ("chosen_ids", "rejected_ids"):
                ids = pair["prompt_ids"] + pair[side]
                each = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
                logps += [each[i - 1, ids[i]].item() for i in range(len(pair["prompt_ids"]), len(ids))]
    out.append(logps)
print(json.dumps(out))
