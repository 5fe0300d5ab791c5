"""Random valid configurations of the supported families, as a config.json spells them.

Every choice that changes a forward pass is drawn: sizes, head layouts, windows, biases, rope types in
both spellings, activations, soft caps, layers without rope, experts. Keys are left out, or null, where
that means something. The sizes are small, so that float64 on one core takes milliseconds.
"""
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "olmo2", "olmo3",
            "smollm3", "gpt2", "gpt_neox", "mixtral", "qwen3_moe", "olmoe"]
LONGEST = 112  # tokens of prompt and completion that every model must take

ARCHITECTURES = {
    "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
    "gemma": "GemmaForCausalLM", "gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "phi3": "Phi3ForCausalLM",
    "olmo2": "Olmo2ForCausalLM", "olmo3": "Olmo3ForCausalLM", "smollm3": "SmolLM3ForCausalLM", "gpt2": "GPT2LMHeadModel",
    "gpt_neox": "GPTNeoXForCausalLM", "mixtral": "MixtralForCausalLM", "qwen3_moe": "Qwen3MoeForCausalLM",
    "olmoe": "OlmoeForCausalLM",
}
# Names of transformers' ACT2FN that have no parameters of their own.
ACTIVATIONS = ["silu", "swish", "gelu", "gelu_python", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh",
               "gelu_python_tanh", "gelu_10", "quick_gelu", "relu", "relu2", "relu6", "leaky_relu", "sigmoid", "tanh", "linear",
               "mish", "hardswish", "laplace"]
ACTIVATION = {"gemma": "gelu_pytorch_tanh", "gemma2": "gelu_pytorch_tanh", "gemma3_text": "gelu_pytorch_tanh", "gpt2": "gelu_new",
              "gpt_neox": "gelu"}
TIED = {"gemma", "gemma2", "gemma3_text", "smollm3", "gpt2"}  # what an absent tie_word_embeddings means
# Where an absent pad_token_id is none or a token of a small vocabulary; elsewhere it must be written.
PAD_MAY_BE_ABSENT = {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo2", "olmo3", "gpt2", "gpt_neox",
                     "mixtral", "qwen3_moe", "olmoe"}
ATTENTION_BIAS = {"llama", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo2", "olmo3", "smollm3", "qwen3_moe", "olmoe"}
# Families whose configuration asks that the heads divide hidden_size even where head_dim says how wide they are.
HEADS_DIVIDE_HIDDEN = {"llama", "gemma2", "gemma3_text", "phi3", "olmoe", "gpt2", "gpt_neox"}
NULL_HEAD_DIM = {"llama", "mistral", "mixtral"}
KV_MAY_BE_ABSENT = {"llama", "phi3", "olmo2", "olmo3", "olmoe"}  # and is then the number of heads
HEAD_DIMS = [4, 6, 8, 10, 12, 16, 18, 24, 32, 48]
WINDOWS = [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65, 100, 128, 500]


def random_config(family, r):
    """A configuration of the family drawn from r (a random.Random), as the JSON object of a config.json."""
    c = {"model_type": family, "architectures": [ARCHITECTURES[family]], "vocab_size": r.choice([37, 53, 64, 65, 101, 127, 131])}
    if family == "gpt2":
        gpt2(c, r)
    else:
        sizes(c, family, r)
        extras(c, family, r)
        rope(c, family, r)
    if r.random() < 0.5:
        c["hidden_activation" if family in ("gemma2", "gemma3_text") else "activation_function" if family == "gpt2" else
          "hidden_act"] = r.choice([ACTIVATION.get(family, "silu"), r.choice(ACTIVATIONS)])
    tied = r.random() < 0.4
    if tied != (family in TIED) or r.random() < 0.5:
        c["tie_word_embeddings"] = tied
    pad = r.choice(["absent", None, 0, 1, 3, c["vocab_size"] - 1])
    if pad != "absent" or family not in PAD_MAY_BE_ABSENT:
        c["pad_token_id"] = None if pad == "absent" else pad
    eps = "layer_norm_epsilon" if family == "gpt2" else "layer_norm_eps" if family == "gpt_neox" else "rms_norm_eps"
    if r.random() < 0.6:
        c[eps] = r.choice([1e-6, 1e-5, 1e-3, 0.02])
    return c


def sizes(c, family, r):
    groups, group = r.choice([1, 1, 2, 3]), r.choice([1, 2, 3, 5])
    heads = groups * group
    c.update(num_hidden_layers=r.choice([1, 2, 2, 3, 4]), num_attention_heads=heads, num_key_value_heads=groups,
             intermediate_size=r.choice([12, 17, 24, 33, 48, 80, 96]), max_position_embeddings=r.choice([LONGEST, 128, 250, 1024]))
    if group == 1 and family in KV_MAY_BE_ABSENT:
        del c["num_key_value_heads"]
    if family == "gpt_neox":
        groups = c["num_key_value_heads"] = heads
        del c["num_key_value_heads"]
    explicit = family in ("qwen3", "gemma", "gemma2", "gemma3_text") or family not in ("gpt_neox", "olmoe") and r.random() < 0.6
    if explicit:
        c["head_dim"] = r.choice([d for d in HEAD_DIMS if d * heads <= 160] or [4])
        c["hidden_size"] = r.randrange(16, 73)
        if family in HEADS_DIVIDE_HIDDEN:
            c["hidden_size"] = heads * -(-c["hidden_size"] // heads)
    else:
        c["hidden_size"] = heads * r.choice([d for d in HEAD_DIMS if 16 <= d * heads <= 96] or [4])
        if family in NULL_HEAD_DIM and r.random() < 0.5:
            c["head_dim"] = None
        if family not in HEADS_DIVIDE_HIDDEN and r.random() < 0.3:
            c["hidden_size"] += r.randrange(heads)  # head_dim is rounded down
    if family in ATTENTION_BIAS and r.random() < 0.7:
        c["attention_bias"] = r.random() < 0.6
    if family in ("llama", "smollm3") and r.random() < 0.7:
        c["mlp_bias"] = r.random() < 0.6


def extras(c, family, r):
    layers = c["num_hidden_layers"]
    window = r.choice(WINDOWS)
    patterns = [r.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    if family in ("mistral", "mixtral", "phi3"):
        choice = r.choice(["absent", None, window, window])
        if choice != "absent":
            c["sliding_window"] = choice
    elif family in ("qwen2", "qwen3", "qwen3_moe"):
        c["use_sliding_window"] = r.random() < 0.7
        c["sliding_window"] = window
        if family != "qwen3_moe":
            c["max_window_layers"] = r.randrange(layers + 1)
            if r.random() < 0.4 and c["use_sliding_window"]:
                c["layer_types"] = patterns
    elif family in ("gemma2", "gemma3_text", "olmo3"):
        c["sliding_window"] = window
        if r.random() < 0.5:
            c["layer_types"] = patterns
        elif family == "gemma3_text":
            c["sliding_window_pattern"] = r.randrange(1, 5)
    elif family == "smollm3":
        if r.random() < 0.5:
            c["no_rope_layers"] = [r.randrange(2) for _ in range(layers)]
        else:
            c["no_rope_layer_interval"] = r.randrange(1, 4)
        if r.random() < 0.7:
            c["use_sliding_window"], c["sliding_window"] = True, window
            if r.random() < 0.4:
                c["layer_types"] = patterns
    if family in ("gemma2", "gemma3_text"):
        c["query_pre_attn_scalar"] = r.choice([1, 4, 20, c["head_dim"], 144])
        for key, caps in [("attn_logit_softcapping", [2.0, 5.0, 50.0]), ("final_logit_softcapping", [1.5, 3.0, 30.0])]:
            choice = r.choice(["absent", None, r.choice(caps), r.choice(caps)])
            if choice != "absent":
                c[key] = choice
    if family == "gpt_neox":
        for key in ("use_parallel_residual", "attention_bias"):
            if r.random() < 0.7:
                c[key] = r.random() < 0.5
    if family == "olmoe" and r.random() < 0.6:
        c["clip_qkv"] = r.choice([0.5, 1.0, 2.0])
    if family in ("mixtral", "qwen3_moe", "olmoe"):
        experts = r.randrange(2, 7)
        c["num_local_experts" if family == "mixtral" or family == "qwen3_moe" and r.random() < 0.5 else "num_experts"] = experts
        c["num_experts_per_tok"] = r.randrange(1, experts + 1)
        if r.random() < 0.9:
            c["router_aux_loss_coef"] = r.choice([0.001, 0.1, 1.5])
        if family != "mixtral" and r.random() < 0.7:
            c["norm_topk_prob"] = r.random() < 0.6
    if family == "qwen3_moe":
        c["moe_intermediate_size"] = r.choice([8, 9, 17, 24])
        if r.random() < 0.5:
            c["decoder_sparse_step"] = r.randrange(1, 3)
        if r.random() < 0.5:
            c["mlp_only_layers"] = r.sample(range(layers), r.randrange(layers))


def gpt2(c, r):
    heads = r.choice([1, 2, 3, 5])
    c.update(n_head=heads, n_embd=heads * r.choice([d for d in HEAD_DIMS if 16 <= d * heads <= 72]), n_layer=r.choice([1, 2, 3, 4]),
             n_positions=r.choice([LONGEST, 128, 250]))
    inner = r.choice(["absent", None, 17, 40, 96])
    if inner != "absent":
        c["n_inner"] = inner
    for key in ("scale_attn_weights", "scale_attn_by_inverse_layer_idx"):
        if r.random() < 0.6:
            c[key] = r.random() < 0.5


def rope(c, family, r):
    """Adds rotary parameters, as rope_parameters or in the older spelling."""
    old = r.random() < 0.5
    theta = r.choice([100.0, 1234.5, 10000.0, 1e6, "absent"])
    by_layer = family in ("gemma3_text", "olmo3")
    partial = r.choice([None, 0.25, 0.3, 0.5, 0.75, 1.0]) if family in ("phi3", "gpt_neox") else None
    if partial is not None and int(head_dim(c) * partial) < 2:
        partial = 1.0
    scaling = rope_scaling(c, family, r)
    if scaling.get("rope_type") == "yarn" and family == "gpt_neox" and int(head_dim(c) * (partial or 0.25)) % 2:
        scaling = {}  # transformers fails, or broadcasts a ramp of the wrong size
    if scaling.get("rope_type") in ("llama3", "yarn") and not by_layer and r.random() < 0.15:
        c["original_max_position_embeddings"] = r.choice([12, 50])  # goes before the one of the dictionary
    if not old:
        inner = dict(scaling)
        if theta != "absent":
            inner["rope_theta"] = theta
        if partial is not None:
            inner["partial_rotary_factor"] = partial
        if by_layer:
            inner = {"full_attention": inner}
            if r.random() < 0.7:
                inner["sliding_attention"] = dict(rope_scaling(c, family, r), rope_theta=r.choice([50.0, 10000.0]))
        if inner or r.random() < 0.5:
            c["rope_parameters"] = inner or None
        return
    names = {"gpt_neox": ("rotary_emb_base", "rotary_pct")}.get(family, ("rope_theta", "partial_rotary_factor"))
    if theta != "absent":
        c[names[0]] = theta
    if partial is not None:
        c[names[1]] = partial
    if family == "gemma3_text" and r.random() < 0.6:
        c["rope_local_base_freq"] = r.choice([50.0, 10000.0])
    if scaling.get("rope_type", "default") != "default":
        if not by_layer and r.random() < 0.5:
            scaling["type"] = scaling.pop("rope_type")
        c["rope_scaling"] = scaling
    elif r.random() < 0.5:
        c["rope_scaling"] = None


def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def rope_scaling(c, family, r):
    kinds = ["default", "default", "linear", "llama3", "yarn"]
    if family == "phi3":
        kinds = ["default"]
    if family == "mixtral" and c.get("head_dim") is None:
        kinds.remove("yarn")  # transformers fails
    kind = r.choice(kinds)
    if kind == "default":
        return {"rope_type": "default"} if r.random() < 0.7 else {}
    s = {"rope_type": kind, "factor": r.choice([1.0, 1.5, 2.0, 8.0, 32.0])}
    if kind == "linear":
        return s
    if r.random() < 0.9:
        s["original_max_position_embeddings"] = r.choice([8, 16, 64, 100])
    if kind == "llama3":
        s["low_freq_factor"] = r.choice([0.5, 1.0, 2.0])
        s["high_freq_factor"] = s["low_freq_factor"] + r.choice([0.5, 3.0, 7.0])
        return s
    for key, values in [("attention_factor", [None, 0.8, 1.2]), ("beta_fast", [None, 4, 16.0, 32]), ("beta_slow", [None, 0.5, 1, 2.0]),
                        ("truncate", [True, False])]:
        if r.random() < 0.4:
            s[key] = r.choice(values)
    if r.random() < 0.4:
        s["mscale"], s["mscale_all_dim"] = r.choice([0.707, 1.0, 1.3]), r.choice([0, 0.707, 1.0])
    return s


ODD = [
    {"is_causal": False}, {"original_max_position_embeddings": 24}, {"partial_rotary_factor": 0.5}, {"sliding_window": None}, {"sliding_window": 4},
    {"use_sliding_window": True}, {"use_sliding_window": False, "sliding_window": 3}, {"layer_types": "full"}, {"layer_types": "sliding", "sliding_window": 5},
    {"num_experts": 3}, {"num_local_experts": 3}, {"hidden_act": "relu"}, {"hidden_act": "gelu"}, {"hidden_activation": "relu"},
    {"activation_function": "relu"}, {"sliding_window_pattern": 2}, {"_sliding_window_pattern": 2}, {"use_bidirectional_attention": True},
    {"use_bidirectional_attention": False}, {"reorder_and_upcast_attn": True}, {"add_cross_attention": True}, {"no_rope_layers": [0, 0, 0, 0]},
    {"no_rope_layers": [1, 0, 1, 0, 1]}, {"attention_bias": True}, {"mlp_bias": True}, {"router_jitter_noise": 0.5}, {"pad_token_id": -1},
    {"rope_theta": 77}, {"rotary_emb_base": 77}, {"rotary_pct": 0.5}, {"rope_local_base_freq": 33.0}, {"clip_qkv": 0.5}, {"query_pre_attn_scalar": 3},
    {"head_dim": 4}, {"hidden_size": 60, "num_attention_heads": 5, "num_hidden_layers": 1}, {"max_window_layers": 0, "use_sliding_window": True,
    "sliding_window": 2}, {"norm_topk_prob": True}, {"mlp_only_layers": [0]}, {"decoder_sparse_step": 2}, {"scale_attn_weights": False},
    {"scale_attn_by_inverse_layer_idx": True}, {"use_parallel_residual": False}, {"rms_norm_eps": 0.1}, {"layer_norm_eps": 0.1},
    {"layer_norm_epsilon": 0.1}, {"embd_pdrop": 0.5, "resid_pdrop": 0.5, "attn_pdrop": 0.5}, {"attention_dropout": 0.5}, {"hidden_dropout": 0.5},
    {"tie_word_embeddings": False}, {"attn_logit_softcapping": 2.0}, {"n_ctx": 8}, {"n_inner": 20}, {"is_decoder": True}, {"pretraining_tp": 2},
    {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0}}, {"rope_parameters": {"rope_type": "proportional", "partial_rotary_factor": 0.5}},
    {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "partial_rotary_factor": 1.0}}, {"rope_parameters": {"type": "linear", "factor": 4.0}},
    {"rope_parameters": {"rope_type": "yarn", "factor": None, "original_max_position_embeddings": 16}}, {"rope_parameters": {"rope_theta": 55.0}},
    {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 0, "beta_slow": 0, "mscale": 0, "mscale_all_dim": 1.0}},
    {"rope_parameters": {"rope_type": "llama3", "type": "linear", "factor": 4.0, "low_freq_factor": 1, "high_freq_factor": 4}},
    {"rope_parameters": {"full_attention": {"rope_theta": 55.0}, "sliding_attention": None}},
    {"rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 4.0, "truncate": False, "original_max_position_embeddings": 16}}},
    {"rope_parameters": {"full_attention": {"rope_theta": 55.0}, "truncate": False}},
    {"rope_scaling": {"type": "linear", "factor": 3.0}}, {"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 3.0}},
    {"rope_scaling": {"rope_type": "linear", "factor": 3.0, "rope_theta": 55.0}}, {"rope_scaling": {}},
    {"rope_scaling": {"rope_type": "linear", "factor": 3.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 55.0}},
    {"rope_scaling": {"rope_type": "longrope", "factor": 3.0, "short_factor": [1.5] * 4, "long_factor": [3.0] * 4}},
]


def oddity(c, family, r):
    """Adds keys that the family may read, ignore or fail on, whatever its files usually say."""
    for _ in range(r.choice([1, 1, 2])):
        c.update(r.choice(ODD))
    for word in ("full", "sliding"):
        if c.get("layer_types") == word:
            c["layer_types"] = [word + "_attention"] * c.get("num_hidden_layers", 2)
