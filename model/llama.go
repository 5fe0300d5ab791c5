package model

import (
	"fmt"
	"slices"
)

// llama reads a Llama configuration; absent keys have the defaults of transformers' LlamaConfig.
func llama(f *fields) (*Config, error) {
	if archs := get(f, "architectures", []string(nil)); archs != nil && !slices.Contains(archs, "LlamaForCausalLM") {
		return nil, fmt.Errorf("architectures %q: %w: a causal language model is needed (LlamaForCausalLM)", archs, ErrUnsupported)
	}
	c := &Config{
		Vocab:         num(f, "vocab_size", 32000),
		Hidden:        num(f, "hidden_size", 4096),
		Layers:        num(f, "num_hidden_layers", 32),
		Heads:         num(f, "num_attention_heads", 32),
		Intermediate:  num(f, "intermediate_size", 11008),
		MaxPositions:  num(f, "max_position_embeddings", 2048),
		NormEps:       real(f, "rms_norm_eps", 1e-6),
		Tied:          flag(f, "tie_word_embeddings"),
		AttentionBias: flag(f, "attention_bias"),
		MLPBias:       flag(f, "mlp_bias"),
		Names:         llamaNames,
	}
	c.KVHeads = num(f, "num_key_value_heads", c.Heads)
	c.HeadDim = num(f, "head_dim", c.Hidden/max(c.Heads, 1))
	if act := str(f, "hidden_act", "silu"); act != "silu" {
		return nil, fmt.Errorf("hidden_act %q: %w for llama (supported: silu)", act, ErrUnsupported)
	}
	var err error
	c.Rope, err = rope(f, 10000)
	return c, err
}

var llamaNames = Names{
	Embed:     "model.embed_tokens",
	FinalNorm: "model.norm",
	Head:      "lm_head",
	AttnNorm:  "model.layers.*.input_layernorm",
	MLPNorm:   "model.layers.*.post_attention_layernorm",
	Q:         "model.layers.*.self_attn.q_proj",
	K:         "model.layers.*.self_attn.k_proj",
	V:         "model.layers.*.self_attn.v_proj",
	O:         "model.layers.*.self_attn.o_proj",
	Gate:      "model.layers.*.mlp.gate_proj",
	Up:        "model.layers.*.mlp.up_proj",
	Down:      "model.layers.*.mlp.down_proj",
}
