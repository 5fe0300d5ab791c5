package family

import "github.com/steelyard-ml/steelyard/model"

// qwen2 is Llama with biases on queries, keys and values: Qwen2, Qwen2.5.
func qwen2(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 151936, hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, positions: 32768, padding: -1, eps: 1e-6})
	c.QKVBias = true
	qwen(f, c)
	return c
}

// qwen3 has norms of queries and keys in place of the biases.
func qwen3(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 151936, hidden: 4096, intermediate: 22016, layers: 32, heads: 32, kvHeads: 32, headDim: 128, positions: 32768,
		padding: -1, eps: 1e-6})
	c.AttentionBias = flag(f, "attention_bias")
	c.QKNorm = model.HeadQKNorm
	qkNames(&c.Names)
	qwen(f, c)
	return c
}

// qwen reads what Qwen 2 and 3 share. A window counts only where use_sliding_window says so, by default from layer max_window_layers on.
func qwen(f *fields, c *model.Config) {
	c.Activation = activation(f, "hidden_act", "silu")
	c.Rope = rope(f, c, 10000)
	w := window(f, 4096)
	if !flag(f, "use_sliding_window") {
		w = nil
	}
	from := num(f, "max_window_layers", 28)
	byType(f, c, w, func(i int) bool { return w != nil && i >= from })
}

// qwen3MoE is Qwen 3 with experts in some or all layers, and a window in all layers or none.
func qwen3MoE(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 151936, hidden: 2048, intermediate: 6144, layers: 24, heads: 32, kvHeads: 4, positions: 32768, padding: -1, eps: 1e-6})
	c.Activation = activation(f, "hidden_act", "silu")
	c.AttentionBias = flag(f, "attention_bias")
	c.QKNorm = model.HeadQKNorm
	qkNames(&c.Names)
	c.Rope = rope(f, c, 10000)
	w := window(f, 4096)
	if flag(f, "use_sliding_window") {
		everywhere(c, w)
	}
	f.ignore("max_window_layers")

	x := experts(f, 128, 8)
	x.Intermediate, x.Normalize = num(f, "moe_intermediate_size", 768), flag(f, "norm_topk_prob")
	step, some := num(f, "decoder_sparse_step", 1), false
	if step < 1 {
		f.refuse("decoder_sparse_step is %d, must be at least 1", step)
		return c
	}
	x.Dense = make([]bool, atLeast0(c.Layers))
	for i := range x.Dense {
		x.Dense[i] = (i+1)%step != 0
	}
	for _, i := range get(f, "mlp_only_layers", []int(nil)) {
		if 0 <= i && i < len(x.Dense) {
			x.Dense[i] = true
		}
	}
	sparse := false
	for _, dense := range x.Dense {
		some, sparse = some || dense, sparse || !dense
	}
	if !some {
		x.Dense = nil
	}
	if sparse {
		c.Experts = x
		expertNames(&c.Names)
	}
	return c
}
