package family

import "github.com/steelyard-ml/steelyard/model"

// olmo2 has its norms behind the halves of a layer, and norms of all queries and all keys of a token.
func olmo2(f *fields) *model.Config {
	c := olmo(f, 1)
	c.Rope = rope(f, c, 10000)
	olmoAfter(c)
	return c
}

// olmo3 is OLMo 2 with a window in three layers of four, which have a rotary embedding of their own.
func olmo3(f *fields) *model.Config {
	c := olmo(f, 1)
	byType(f, c, needWindow(f, 4096), func(i int) bool { return (i+1)%4 != 0 })
	ropeByType(f, c, 500000, 500000)
	olmoAfter(c)
	return c
}

// olmoe is Llama with experts, norms of queries and keys as in OLMo 2, and a limit to them.
func olmoe(f *fields) *model.Config {
	c := olmo(f, 1)
	c.Rope = rope(f, c, 10000)
	c.ClipQKV = cap0(f, "clip_qkv", 0)
	c.Experts = experts(f, 64, 8)
	if !f.has("router_aux_loss_coef") {
		c.Experts.AuxCoef = 0.01
	}
	c.Experts.Intermediate, c.Experts.Normalize = c.Intermediate, flag(f, "norm_topk_prob")
	expertNames(&c.Names)
	if c.HeadDim*c.Heads != c.Hidden {
		f.refuse("head_dim %d: its class has norms of hidden_size over all heads, %d", c.HeadDim, c.Hidden)
	}
	return c
}

func olmo(f *fields, padding int) *model.Config {
	d := sizes{vocab: 50304, hidden: 4096, intermediate: 11008, layers: 32, heads: 32, positions: 2048, padding: padding, eps: 1e-5}
	if str(f, "model_type", "") == "olmoe" {
		d.hidden, d.intermediate, d.layers, d.heads, d.positions = 2048, 2048, 16, 16, 4096
	}
	c := decoder(f, d)
	c.Activation = activation(f, "hidden_act", "silu")
	c.AttentionBias = flag(f, "attention_bias")
	c.QKNorm = model.WholeQKNorm
	qkNames(&c.Names)
	return c
}

func olmoAfter(c *model.Config) {
	c.Norms = model.NormAfter
	n := &c.Names
	n.AttnPostNorm, n.AttnNorm = "model.layers.*.post_attention_layernorm", ""
	n.MLPPostNorm, n.MLPNorm = "model.layers.*.post_feedforward_layernorm", ""
}
