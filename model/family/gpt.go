package family

import "github.com/steelyard-ml/steelyard/model"

// gpt2 has learned positions, LayerNorm, biases throughout, no gate, and linear layers stored transposed.
func gpt2(f *fields) *model.Config {
	c := &model.Config{
		Vocab:         num(f, "vocab_size", 50257),
		Hidden:        either(f, "n_embd", "hidden_size", 768),
		Layers:        either(f, "n_layer", "num_hidden_layers", 12),
		Heads:         either(f, "n_head", "num_attention_heads", 12),
		MaxPositions:  either(f, "n_positions", "max_position_embeddings", 1024),
		NormEps:       real(f, "layer_norm_epsilon", 1e-5),
		Norm:          model.LayerNorm,
		Rope:          model.Rope{Type: "none"},
		Positions:     true,
		ScaleByLayer:  flag(f, "scale_attn_by_inverse_layer_idx"),
		Activation:    activation(f, "activation_function", "gelu_new"),
		Ungated:       true,
		AttentionBias: true,
		MLPBias:       true,
		Tied:          get(f, "tie_word_embeddings", true),
		Names: model.Names{
			Embed:      "transformer.wte",
			Positions:  "transformer.wpe",
			FinalNorm:  "transformer.ln_f",
			Head:       "lm_head",
			AttnNorm:   "transformer.h.*.ln_1",
			MLPNorm:    "transformer.h.*.ln_2",
			QKV:        "transformer.h.*.attn.c_attn",
			O:          "transformer.h.*.attn.c_proj",
			Up:         "transformer.h.*.mlp.c_fc",
			Down:       "transformer.h.*.mlp.c_proj",
			Transposed: true,
		},
	}
	c.KVHeads = c.Heads
	c.HeadDim = c.Hidden / max(c.Heads, 1)
	if c.HeadDim*c.Heads != c.Hidden {
		f.refuse("n_embd %d is no multiple of n_head %d", c.Hidden, c.Heads)
	}
	c.Intermediate = num(f, "n_inner", 4*c.Hidden)
	if !get(f, "scale_attn_weights", true) {
		c.AttentionScale = 1
	}
	f.ignore("n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout")
	return c
}

// gptNeoX is Pythia's shape: halves side by side, LayerNorm, a part of each head turned, one projection with heads interleaved.
func gptNeoX(f *fields) *model.Config {
	c := &model.Config{
		Vocab:        num(f, "vocab_size", 50432),
		Hidden:       num(f, "hidden_size", 6144),
		Layers:       num(f, "num_hidden_layers", 44),
		Heads:        num(f, "num_attention_heads", 64),
		Intermediate: num(f, "intermediate_size", 24576),
		MaxPositions: num(f, "max_position_embeddings", 2048),
		NormEps:      real(f, "layer_norm_eps", 1e-5),
		Norm:         model.LayerNorm,
		Parallel:     get(f, "use_parallel_residual", true),
		Activation:   activation(f, "hidden_act", "gelu"),
		Ungated:      true,
		Interleaved:  true,
		MLPBias:      true,
		Tied:         flag(f, "tie_word_embeddings"),
		Names: model.Names{
			Embed:     "gpt_neox.embed_in",
			FinalNorm: "gpt_neox.final_layer_norm",
			Head:      "embed_out",
			AttnNorm:  "gpt_neox.layers.*.input_layernorm",
			MLPNorm:   "gpt_neox.layers.*.post_attention_layernorm",
			QKV:       "gpt_neox.layers.*.attention.query_key_value",
			O:         "gpt_neox.layers.*.attention.dense",
			Up:        "gpt_neox.layers.*.mlp.dense_h_to_4h",
			Down:      "gpt_neox.layers.*.mlp.dense_4h_to_h",
		},
	}
	c.AttentionBias = get(f, "attention_bias", true)
	c.KVHeads = c.Heads
	c.HeadDim = c.Hidden / max(c.Heads, 1)
	if c.HeadDim*c.Heads != c.Hidden {
		f.refuse("hidden_size %d is no multiple of num_attention_heads %d", c.Hidden, c.Heads)
	}
	theta := real(f, "rotary_emb_base", 10000)
	c.Rope = partialRope(f, c, theta, "rotary_pct", 0.25)
	// Transformers 4 wrote both names of each; its successor reads the older ones alone.
	if real(f, "rope_theta", theta) != theta || real(f, "partial_rotary_factor", real(f, "rotary_pct", 0.25)) != real(f, "rotary_pct", 0.25) {
		f.refuse("rope_theta and partial_rotary_factor disagree with rotary_emb_base and rotary_pct: transformers does not read the former in this family")
	}
	return c
}

// either reads a number that has two names.
func either(f *fields, key, alias string, absent int) int {
	n := num(f, key, num(f, alias, absent))
	if f.has(key) && f.has(alias) && num(f, alias, absent) != n {
		f.refuse("%s and %s disagree: keep one of them", key, alias)
	}
	return n
}
