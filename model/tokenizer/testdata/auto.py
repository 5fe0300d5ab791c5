"""Writes auto.jsonl.gz: what transformers' AutoTokenizer makes of small directories, for each class that this package follows.

    pip install transformers==5.23.0 tokenizers==0.23.3    # without mistral_common
    python testdata/auto.py    # from model/tokenizer, after oracle.py
"""

import gzip
import json
import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import AutoTokenizer

TEXTS = ["", " a", "▁a b", "  Hello world<x> Hello", "<s> H</s>  a<|im_start|> b", "don't 12 A1\n\n b", "日é👍<mask> <y>a", "<x>▁<pad>ab", "q\u0307\u0323 cafe\u0301"]
ADDED = {"2048": {"content": "<x>", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "special": False}}
CASES = [(model, {"tokenizer_class": c}) for model, c in [
    ("llama", "LlamaTokenizer"), ("llama", "PreTrainedTokenizerFast"), ("mistral", "LlamaTokenizer"), ("mixtral", "LlamaTokenizerFast"), ("phi3", "LlamaTokenizer"),
    ("gemma", "GemmaTokenizer"), ("gemma2", "GemmaTokenizerFast"), ("gemma3_text", "GemmaTokenizer"), ("gpt2", "GPT2Tokenizer"), ("gpt_neox", "GPTNeoXTokenizerFast"),
    ("olmo", "GPTNeoXTokenizer"), ("olmo2", "GPT2Tokenizer"), ("olmoe", "GPTNeoXTokenizer"), ("qwen2", "Qwen2Tokenizer"), ("qwen2", "LlamaTokenizerFast"),
    ("qwen3", "Qwen2TokenizerFast"), ("qwen3_5", "Qwen2Tokenizer"), ("deepseek_v3", "LlamaTokenizerFast"), ("gpt_oss", "PreTrainedTokenizerFast"), ("", "NoSuchTokenizer")]]
CASES += [("", c) for c in [
    {}, {"tokenizer_class": "LlamaTokenizer", "legacy": True}, {"tokenizer_class": "LlamaTokenizer", "legacy": None, "add_prefix_space": None},
    {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False, "clean_up_tokenization_spaces": True, "add_bos_token": False, "add_eos_token": True},
    {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "unk_token": None, "pad_token": "<pad>"},
    {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True}, {"tokenizer_class": "GemmaTokenizer", "mask_token": None},
    {"tokenizer_class": "Qwen2Tokenizer", "extra_special_tokens": ["<x>"], "bos_token": "<y>"},
    {"tokenizer_class": "Qwen2Tokenizer", "extra_special_tokens": {"b_token": "<y>", "a_token": "<x>"}},
    {"z_token": "<y>", "b_token": "<pad>", "eos_token": {"__type": "AddedToken", "content": "<x>", "lstrip": True, "normalized": True}}]]
CASES += [("", {"added_tokens_decoder": ADDED, **c}) for c in [{"eos_token": "<x>"}, {"tokenizer_class": "GPT2Tokenizer", "additional_special_tokens": ["<y>", "<x>"]}]]


def bases():
    with open("../../testdata/demo/model/tokenizer.json") as f:
        demo = json.load(f)
    with gzip.open("testdata/components.jsonl.gz", "rt") as f:
        spm = next(row["replace"] for row in map(json.loads, f) if row["name"] == "spm {'all_bytes': True}")
    around = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[B]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
              "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
              "special_tokens": {"[B]": {"id": "[B]", "ids": [1], "tokens": ["b"]}}}
    yield "byte-level", {**demo, "post_processor": around}
    yield "spm", {**demo, **spm, "post_processor": around}


def rows():
    for base, file in bases():
        for model, config in CASES:
            if base == ("spm" if "added_tokens_decoder" in config else "byte-level" if "Gemma" in str(config) else ""):
                continue  # other ids, or no <unk>
            with tempfile.TemporaryDirectory() as d:
                for name, data in [("tokenizer.json", file), ("tokenizer_config.json", config), ("config.json", {"model_type": model} if model else None)]:
                    if data is not None:
                        with open(f"{d}/{name}", "w") as f:
                            json.dump(data, f)
                t = AutoTokenizer.from_pretrained(d)
            results = []
            for text in TEXTS:
                ids = t.encode(text, add_special_tokens=False)
                results.append({"text": text, "ids": ids, "ids2": t.encode(text), "d": t.decode(ids), "ds": t.decode(ids, skip_special_tokens=True)})
            yield {"base": base, "model": model, "config": config, "class": type(t).__name__, "named": t.special_tokens_map, "rows": results}


data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
with open("testdata/auto.jsonl.gz", "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
    z.write(data.encode())
