"""Writes to the safetensors file argv[1] what bitsandbytes' 8-bit AdamW makes, on this processor, of random weights and gradients over five
steps: STEP.NAME.w (before the step), .g, .after, and the state behind it, .state1, .state2, .absmax1, .absmax2."""
import os
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiling takes longer than all the rest, and changes no value

import torch
from bitsandbytes.optim import AdamW, GlobalOptimManager
from safetensors.torch import save_file

torch.set_num_threads(1)
g = torch.Generator().manual_seed(int(sys.argv[2]))
shapes = {"large": (70, 100), "odd": (4111,), "small": (63, 65), "vector": (48,), "embedding": (100, 50)}
params = {k: torch.nn.Parameter(torch.randn(s, generator=g)) for k, s in shapes.items()}
optimizer = AdamW(
    [{"params": [params[k] for k in shapes if k != "vector"], "weight_decay": 0.1}, {"params": [params["vector"]], "weight_decay": 0.0}],
    lr=1e-2, betas=(0.9, 0.98), eps=1e-8, optim_bits=8)
manager = GlobalOptimManager.get_instance()
manager.register_parameters(list(params.values()))
manager.override_config(params["embedding"], "optim_bits", 32)
out = {}
for step in range(1, 6):
    for name, p in params.items():
        grad = torch.randn(p.shape, generator=g) * 10.0 ** (-step)
        if step == 2:
            grad *= torch.rand(p.shape, generator=g) ** 9
        if step == 3:
            grad.view(-1)[: grad.numel() // 2] = 0
        p.grad = grad
        out |= {f"{step}.{name}.w": p.data.clone(), f"{step}.{name}.g": grad.clone()}
    for group in optimizer.param_groups:
        group["lr"] = 1e-2 / step
    optimizer.step()
    for name, p in params.items():
        out[f"{step}.{name}.after"] = p.data.clone()
        out |= {f"{step}.{name}.{k}": v.clone() for k, v in optimizer.state[p].items() if k in ("state1", "state2", "absmax1", "absmax2")}
save_file(out, sys.argv[1])
