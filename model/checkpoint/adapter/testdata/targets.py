"""Asks PEFT which modules of small models a configuration adapts, with which rank and scaling, and which it trains whole.

    python targets.py DIRECTORY NAME... > targets.json      DIRECTORY holds NAME/config.json

Made with peft 0.21.2, transformers 5.23.0 and torch 2.15.0.
"""

import json
import sys
import warnings

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils.other import ModulesToSaveWrapper
from transformers import AutoConfig, AutoModelForCausalLM

warnings.simplefilter("ignore")
llama = [
    {},
    {"target_modules": "all-linear"},
    {"target_modules": "ALL-linear", "use_rslora": True, "r": 5, "lora_alpha": 7},
    {"target_modules": ["q_proj", "self_attn.v_proj", "nothing"]},
    {"target_modules": ["proj"]},
    {"target_modules": []},
    {"target_modules": ["model.layers.1.mlp.up_proj", "layers.0.mlp.down_proj"]},
    {"target_modules": r".*(q|v)_proj"},
    {"target_modules": r"model\.layers\.[01]\.self_attn\.(?:q|k)_proj"},
    {"target_modules": r".*\.\d+\.mlp\.(gate|up)_proj$"},
    {"target_modules": r"q_proj"},
    {"target_modules": r".*attn.*"},
    {"target_modules": r".*_proj", "exclude_modules": r".*mlp.*"},
    {"target_modules": "all-linear", "exclude_modules": ["down_proj", "layers.1.self_attn.q_proj"]},
    {"target_modules": ["q_proj", "k_proj"], "exclude_modules": ["self_attn"]},
    {"target_modules": ["q_proj"], "layers_to_transform": 1},
    {"target_modules": ["q_proj", "model.layers.0.mlp.up_proj"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj"], "layers_to_transform": [0, 1], "layers_pattern": "layers"},
    {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": ["h", "layers"]},
    {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": ["h"]},
    {"target_modules": ["q_proj"], "layers_to_transform": []},
    {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj": 2, "layers.1.v_proj": 9, "layers.1.self_attn.v_proj": 3}},
    {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"^model.layers.0.self_attn.q_proj": 2, ".*v_proj": 3},
     "alpha_pattern": {r"layers\.1\..*": 4, "q_proj": 5}, "use_rslora": True},
    {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"roj": 2, "self_attn.q_proj": 3, "q_proj": 4}},
    {"target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["norm"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["model.norm"]},
    {"target_modules": ["q_proj"], "modules_to_save": ["head"]},
    {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["v_proj"]},
    {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["proj"]},
    {"target_modules": "all-linear", "modules_to_save": ["layers.0.mlp.up_proj"]},
    {"target_modules": ["input_layernorm"]},
]
gpt = [{}, {"target_modules": "all-linear"}, {"target_modules": ["c_proj"], "layers_to_transform": [1]},
       {"target_modules": ["attn.c_proj", "c_fc"], "rank_pattern": {"mlp.c_fc": 2}}, {"target_modules": r".*\.mlp\..*", "fan_in_fan_out": True},
       {"target_modules": ["query_key_value", "dense"]}, {"target_modules": ["c_attn"], "modules_to_save": ["wte"]},
       {"target_modules": ["query_key_value"], "modules_to_save": ["lm_head", "embed_in", "final_layer_norm"]}]
plain = [{}, {"target_modules": "all-linear"}, {"target_modules": ["q_proj", "v_proj"]}, {"target_modules": ["qkv_proj", "gate_up_proj"]},
         {"target_modules": ["fc1", "dense"]}, {"target_modules": ["gate_proj"]}]
cases = {"llama": llama, "llama3_scaled_tied": llama, "gpt2": gpt, "gpt_neox": gpt, "falcon": gpt}

out, configs = [], {}
for name in sys.argv[2:]:
    with open(f"{sys.argv[1]}/{name}/config.json") as f:
        configs[name] = text = json.load(f)
    for case in cases.get(name, plain):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**text))
        one = {"model": name, "adapter": case}
        try:
            config = LoraConfig(task_type="CAUSAL_LM", **case)
            model = get_peft_model(model, config).base_model.model
            one["adapted"] = {n: [m.r["default"], m.scaling["default"]] for n, m in model.named_modules() if isinstance(m, LoraLayer)}
            one["saved"] = sorted(n for n, m in model.named_modules() if isinstance(m, ModulesToSaveWrapper))
            one["fan_in_fan_out"] = config.fan_in_fan_out
            if any("lora_" in n and ".experts." in n for n, _ in model.named_parameters()):
                one["error"] = "adapts experts"
        except Exception as e:
            one["error"] = f"{type(e).__name__}: {e}".split("\n")[0].split("{")[0][:80]  # without sets, whose order is chance
        out.append(one)
print('{"configs": ' + json.dumps(configs) + ',\n"cases": [\n' + ",\n".join(json.dumps(x) for x in out) + "\n]}")
