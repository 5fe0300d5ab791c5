"""DPO as a careful engineer writes it in plain PyTorch: no padding, one sequence at a time, the head on completion tokens only, a
precomputed reference. The peer to beat where TRL's own overheads are not the point.

    HF_HUB_OFFLINE=1 python torch_dpo.py --model DIR --pairs FILE [--limit N --steps 2 --bf16 --threads 2]

Prints one JSON object: pair_ids, ref_logps (a chosen and a rejected sum each), reference_s, reference_peak_mb (the process's, so far),
losses (one a step), train_s (forward, backward, AdamW every 4 pairs) and train_pairs, of the steps but the first --warm, peak_mb, versions.
"""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from pairs import arguments, pair_id, sample

a = arguments(argparse.ArgumentParser())
torch.set_num_threads(a.threads)
model = AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa")
tok = AutoTokenizer.from_pretrained(a.model)


def ids(messages, **k):
    return tok.apply_chat_template(messages, tokenize=True, return_dict=True, **k)["input_ids"]


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


rows = []
for r in sample(a.pairs, tok, a.every, a.max_length, a.limit):
    p = ids(r["prompt"], add_generation_prompt=True)
    rows.append((p, *(ids(r["prompt"] + r[s])[len(p) : a.max_length] for s in ("chosen", "rejected"))))


def logp(p, y):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.bf16):
        h = model.model(input_ids=torch.tensor([p + y]), use_cache=False)[0][0, len(p) - 1 : -1]
        logits = model.lm_head(h)
    return -F.cross_entropy(logits.float(), torch.tensor(y), reduction="sum")


out = {"pair_ids": [pair_id(*r) for r in rows], "versions": {"torch": torch.__version__, "transformers": transformers.__version__}}
with torch.no_grad():
    logp(rows[0][0], rows[0][1])
    start = time.time()
    ref = [(logp(p, c), logp(p, r)) for p, c, r in rows]
    out["reference_s"] = time.time() - start
out["ref_logps"] = [[float(c), float(r)] for c, r in ref]
out["reference_peak_mb"] = peak_mb()

if a.steps:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.0, fused=True)
    out["losses"] = []
    train = list(zip(rows, ref))[: 4 * a.steps]
    for i, ((p, c, r), (ref_c, ref_r)) in enumerate(train):
        if i == 4 * a.warm:
            start = time.time()
        margin = 0.1 * ((logp(p, c) - ref_c) - (logp(p, r) - ref_r))
        loss = -F.logsigmoid(margin) / 4
        loss.backward()
        if i % 4 == 0:
            out["losses"].append(0.0)
        out["losses"][-1] += loss.item()
        if i % 4 == 3:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    out["train_s"] = time.time() - start
    out["train_pairs"] = len(train) - 4 * a.warm
out["peak_mb"] = peak_mb()
print(json.dumps(out))
