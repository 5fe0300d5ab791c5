#!/usr/bin/env python3
"""Make tiny random checkpoints, and what transformers computes with them in float64.

    python random_models.py OUT_DIR --seed 1 --count 48 [--odd 24] [--family NAME]

OUT_DIR/NNN-FAMILY/ gets config.json, model.safetensors (float32, bfloat16 or float16), golden.json
(pairs of token ids with the log-probability of every completion token, given reference sums, beta
and the mean sigmoid loss) and grads.safetensors (that loss's gradient of every tensor, float32,
under the checkpoint's names). Models with routers also get the auxiliary loss that TRL's
DPOTrainer adds, over both sequences of all pairs, and grads_aux.safetensors, the gradient of
loss + router_aux_loss_coef * aux_loss.

OUT_DIR/odd-NNN-FAMILY/ are --odd models whose configurations have keys that their family may read,
ignore or fail on; where transformers fails, there is no golden.json.

The model is loaded from the files, so that transformers' own reading of them is what is compared
with, and runs in float64 but for what transformers computes in float32 whatever the weights are:
norms, rotary tables, router probabilities, and the softmax of the eager attention that Gemma 2 asks for.
"""
import argparse
import json
import math
import os
import pathlib
import random
import shutil

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch
import transformers

from random_configs import FAMILIES, oddity, random_config

GAP = 1e-3  # the least distance between the last expert chosen and the first one not
CONDITION = 5e-6  # where PyTorch's own float32 is further off, another model is drawn


def randomize(model, g):
    """Fills the parameters: no norm is 1, no bias 0, and logits are spread by 1.5."""
    c = model.config
    plain = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    for name, p in model.named_parameters():
        x = torch.randn(p.shape, generator=g)
        fan_in = p.shape[-1]
        if p is plain[0] or p is plain[1]:
            x *= 1.5 / math.sqrt(fan_in)
            if p is not plain[0] and not c.model_type.startswith("gemma"):
                x *= math.sqrt(fan_in) / 1.5  # an embedding of its own is of size 1
        elif name.endswith("bias"):
            x *= 0.3
        elif p.dim() == 1:
            x = 0.3 * x + (0.0 if c.model_type.startswith("gemma") else 1.0)
        elif name.endswith(".mlp.gate.weight"):
            x *= 2 / math.sqrt(fan_in)
        elif c.model_type == "gpt2" and "wpe" not in name:  # Conv1D: [in, out]
            x *= (0.7 if "c_attn" in name else 1.0) / math.sqrt(p.shape[0])
        elif "wpe" not in name:
            x /= math.sqrt(fan_in)
        p.data.copy_(x)


def forward(model, ids):
    """The logits [n, V] of one sequence and the router logits of its layers, each [n, E]."""
    if hasattr(model.config, "output_router_logits"):
        out = model.model(torch.tensor([ids]), use_cache=False, output_router_logits=True)
        return model.lm_head(out.last_hidden_state)[0], out.router_logits or ()
    return model(torch.tensor([ids]), use_cache=False).logits[0], ()


def near_tie(model, ids, start):
    """The first position from start on whose routing hangs by a thread, or None."""
    with torch.no_grad():
        _, routers = forward(model, ids)
    k = model.config.num_experts_per_tok
    worst = None
    for logits in routers:
        p = logits.softmax(-1).sort(-1, descending=True).values
        if k < p.shape[1]:
            close = ((p[start:, k - 1] - p[start:, k]) < GAP).nonzero()
            if len(close):
                first = start + int(close[0])
                worst = first if worst is None else min(worst, first)
    return worst


def tokens(model, r, prefix, n):
    """n random tokens after the prefix, drawn again where a router would be undecided."""
    v = model.config.vocab_size
    out = [r.randrange(v) for _ in range(n)]
    while hasattr(model.config, "output_router_logits"):
        at = near_tie(model, prefix + out, len(prefix))
        if at is None:
            break
        out[at - len(prefix)] = r.randrange(v)
    return out


def pairs(model, r):
    sizes = [(1, r.randrange(1, 9), r.randrange(1, 9)), (r.randrange(60, 91), r.randrange(1, 21), r.randrange(1, 21)),
             (r.randrange(2, 31), r.randrange(1, 21), 1)]
    if r.random() < 0.5:
        sizes.append((r.randrange(2, 40), 5, 7))
    longest = model.config.max_position_embeddings
    if longest >= 250 and r.random() < 0.4:  # several blocks of keys
        sizes.append((r.randrange(120, 230), r.randrange(1, 21), r.randrange(1, 21)))
    out = []
    for p, c, j in sizes:
        assert p + max(c, j) <= longest
        prompt = tokens(model, r, [], p)
        out.append({"prompt_ids": prompt, "chosen_ids": tokens(model, r, prompt, c), "rejected_ids": tokens(model, r, prompt, j)})
    return out


def completion_logps(logits, prompt, completion):
    rows = logits[len(prompt) - 1:len(prompt) - 1 + len(completion)].log_softmax(-1)
    return rows.gather(1, torch.tensor(completion)[:, None])[:, 0]


def save_gradients(model, directory, name, weights):
    """Writes the gradients as save_pretrained writes weights: same names, experts apart, a tied head once."""
    for p in model.parameters():
        p.data = torch.zeros_like(p) if p.grad is None else p.grad.clone()
    out = directory / "tmp"
    model.float().save_pretrained(out)
    (out / "model.safetensors").rename(directory / name)
    for f in out.iterdir():
        f.unlink()
    out.rmdir()
    model.double().load_state_dict(weights)


def golden(model, r, directory):
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    beta = r.choice([0.05, 0.1, 0.3, 0.5])
    out = {"model_type": model.config.model_type, "beta": beta, "pairs": pairs(model, r)}
    losses, routers = [], []
    for pair in out["pairs"]:
        logps = []
        for side in ("chosen", "rejected"):
            logits, router = forward(model, pair["prompt_ids"] + pair[side + "_ids"])
            logps.append(completion_logps(logits, pair["prompt_ids"], pair[side + "_ids"]))
            routers.append(router)
            pair[side + "_logps"] = logps[-1].tolist()
            pair[f"ref_{side}_logp"] = float(logps[-1].detach().sum()) + r.gauss(0, 1)
        h = beta * (logps[0].sum() - pair["ref_chosen_logp"] - logps[1].sum() + pair["ref_rejected_logp"])
        losses.append(-torch.nn.functional.logsigmoid(h))
    loss = torch.stack(losses).mean()
    out["loss"] = float(loss.detach())
    aux = 0
    if routers[0]:
        # Padding has no part in it, so sequences one after another are what a padded batch with its mask is.
        from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

        by_layer = tuple(torch.cat(layer) for layer in zip(*routers))
        aux = load_balancing_loss_func(by_layer, model.config.num_experts, model.config.num_experts_per_tok)
        out["router_aux_loss_coef"], out["aux_loss"] = model.config.router_aux_loss_coef, float(aux.detach())
    loss.backward(retain_graph=bool(routers[0]))
    plain = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
    if routers[0]:
        (model.config.router_aux_loss_coef * aux).backward()
        save_gradients(model, directory, "grads_aux.safetensors", weights)
        for n, p in model.named_parameters():
            p.grad = plain[n]
    save_gradients(model, directory, "grads.safetensors", weights)
    (directory / "golden.json").write_text(json.dumps(out))


def make(directory, family, seed, odd):
    r = random.Random(seed)
    g = torch.Generator().manual_seed(seed)
    config = random_config(family, r)
    if odd:
        oddity(config, family, r)
    dtype = r.choice(["float32", "float32", "bfloat16", "float16"])
    config["dtype" if r.random() < 0.5 else "torch_dtype"] = dtype
    directory.mkdir(parents=True)
    text = json.dumps(config, indent=1)
    (directory / "config.json").write_text(text)
    model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.from_pretrained(directory), dtype=torch.float32)
    randomize(model, g)
    model.to(getattr(torch, dtype)).save_pretrained(directory)
    for f in directory.iterdir():
        if f.name != "model.safetensors":
            f.unlink()
    (directory / "config.json").write_text(text)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, experts_implementation="eager", output_loading_info=True)
    assert not any(info.values()), info
    golden(model.double().eval(), r, directory)
    if float32_distance(model.float(), directory) > CONDITION:
        shutil.rmtree(directory)
        make(directory, family, seed + 500_009, odd)


def float32_distance(model, directory):
    """The most that PyTorch's own float32 is off the golden log-probabilities."""
    worst = 0.0
    for pair in json.loads((directory / "golden.json").read_text())["pairs"]:
        for side in ("chosen", "rejected"):
            with torch.no_grad():
                logits, _ = forward(model, pair["prompt_ids"] + pair[side + "_ids"])
            got = completion_logps(logits, pair["prompt_ids"], pair[side + "_ids"])
            worst = max(worst, float((got.double() - torch.tensor(pair[side + "_logps"], dtype=torch.float64)).abs().max()))
    return worst


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("out", type=pathlib.Path)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--count", type=int, default=48)
    args.add_argument("--family", choices=FAMILIES)
    args.add_argument("--odd", type=int, default=0)
    args = args.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for i in range(args.count + args.odd):
        family, odd = args.family or FAMILIES[i % len(FAMILIES)], i >= args.count
        out = args.out / f"{'odd-' if odd else ''}{i:03d}-{family}"
        try:
            make(out, family, args.seed * 1_000_003 + i, odd)
        except Exception as err:
            if not odd:
                raise SystemExit(f"{out}: {type(err).__name__}: {err}") from err


if __name__ == "__main__":
    main()
