"""Writes what bitsandbytes' CPU backend makes of random weights to the safetensors file argv[1]: tensors NAME.weight, .codes, .absmax,
.dequantized and, with double quantization, .nested_absmax and .nested_code; blocks of 8-bit codes as NAME.x, .q, .max, .y. The cases stand
in the metadata."""
import json
import os
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiling takes longer than all the rest, and changes no value

import torch
import bitsandbytes.functional as F
from safetensors.torch import save_file

torch.set_num_threads(1)
g = torch.Generator().manual_seed(int(sys.argv[2]))
avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"


def below(n):
    return int(torch.randint(n, (1,), generator=g))


out, cases, bytewise = {}, {}, {}
for i in range(120):
    size = 2 ** (5 + below(8))
    rows, cols = 1 + below(70), 1 + below(300)
    if i % 3 == 0:
        cols = size * (1 + below(3))
    if i % 3 == 1:
        cols = 16 * (1 + below(20))
    if not avx512 and cols % 16 == 0 and cols % size:
        cols += 1  # only the kernel for AVX-512 numbers blocks by row
    dtype = [torch.float32, torch.bfloat16, torch.float16][i % 3 if i < 60 else below(3)]
    w = torch.randn(rows, cols, generator=g) * 10.0 ** (below(9) - 6)
    flat = w.view(-1)
    if i % 4 == 0:
        flat[: 2 * size] = 0
    if i % 5 == 0:
        flat[below(flat.numel()) :] = 0
    if i % 7 == 0:  # values on the thresholds, and one step beside them
        code = F.get_4bit_type("nf4" if i % 2 else "fp4", device="cpu").sort()[0]
        mid = (code[:-1] + code[1:]) / 2
        ties = torch.cat([torch.tensor([1.0]), mid, torch.nextafter(mid, torch.tensor(9.0)), torch.nextafter(mid, torch.tensor(-9.0))])
        n = min(flat.numel(), ties.numel())
        flat[:n] = ties[:n]
        flat[n:size] = 0
    if i % 11 == 0:
        w *= 1e-38
    w = w.to(dtype)
    kind, nested = ["nf4", "fp4"][i % 2], i % 8 > 3
    q, s = F.quantize_4bit(w, blocksize=size, quant_type=kind, compress_statistics=nested)
    s.dtype = torch.float32
    name = f"case{i}"
    case = {"blocksize": size, "nested": nested, "quant_type": kind}
    out |= {f"{name}.weight": w, f"{name}.codes": q.view(-1), f"{name}.absmax": s.absmax,
            f"{name}.dequantized": F.dequantize_4bit(q, s).contiguous()}
    if nested:
        out |= {f"{name}.nested_absmax": s.state2.absmax, f"{name}.nested_code": s.state2.code.clone()}
        case["nested_offset"] = s.offset.item()
    cases[name] = case
for i in range(40):
    signed = i % 2 == 0
    code = F.create_dynamic_map(signed=signed)
    x = torch.randn(1 + below(5000), generator=g) * 10.0 ** (below(30) - 20)
    if i % 3 == 0:
        x *= torch.rand(x.shape, generator=g) ** 8
    if i % 5 == 0:
        x[: 600] = 0
    if not signed:
        x = x.abs()
    q, s = F.quantize_blockwise(x, code=code, blocksize=256)
    name = f"bytes{i}"
    out |= {f"{name}.x": x, f"{name}.q": q, f"{name}.max": s.absmax, f"{name}.y": F.dequantize_blockwise(q, s), f"{name}.map": code.clone()}
    bytewise[name] = signed
save_file(out, sys.argv[1], {"cases": json.dumps(cases), "bytewise": json.dumps(bytewise)})
