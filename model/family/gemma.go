package family

import (
	"math"

	"github.com/steelyard-ml/steelyard/model"
)

// gemma is the first Gemma. Its class takes the activation "gelu" of the first releases for the one with tanh.
func gemma(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 256000, hidden: 3072, intermediate: 24576, layers: 28, heads: 16, kvHeads: 16, headDim: 256, positions: 8192,
		padding: 0, eps: 1e-6, tied: true})
	c.Activation = activation(f, "hidden_act", "gelu_pytorch_tanh")
	if str(f, "hidden_act", "") == "gelu" {
		c.Activation = model.GELUTanh
	}
	f.ignore("hidden_activation")
	c.Rope = rope(f, c, 10000)
	gemmaBlock(f, c)
	return c
}

// gemmaBlock is what all Gemmas share.
func gemmaBlock(f *fields, c *model.Config) {
	c.AttentionBias = flag(f, "attention_bias")
	c.Norm = model.RMSNormOnePlus
	c.EmbedScale = math.Sqrt(float64(max(c.Hidden, 1)))
}

// gemma2 has norms around both halves, soft caps, and a window in every other layer.
func gemma2(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 256000, hidden: 2304, intermediate: 9216, layers: 26, heads: 8, kvHeads: 4, headDim: 256, positions: 8192,
		padding: 0, eps: 1e-6, tied: true})
	c.Rope = rope(f, c, 10000)
	gemmaAround(f, c, 30, 50)
	byType(f, c, needWindow(f, 4096), func(i int) bool { return i%2 == 0 })
	return c
}

// gemma3 is the text model of Gemma 3: norms of queries and keys, and a rotary embedding of their own for the layers with a window.
func gemma3(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 262208, hidden: 2304, intermediate: 9216, layers: 26, heads: 8, kvHeads: 4, headDim: 256, positions: 131072,
		padding: 0, eps: 1e-6, tied: true})
	gemmaAround(f, c, 0, 0)
	c.AttentionCap = 0 // its attention does not read attn_logit_softcapping
	c.QKNorm = model.HeadQKNorm
	qkNames(&c.Names)
	every := num(f, "sliding_window_pattern", 6)
	f.ignore("_sliding_window_pattern")
	if every < 1 {
		f.refuse("sliding_window_pattern is %d, must be at least 1", every)
		return c
	}
	byType(f, c, needWindow(f, 4096), func(i int) bool { return (i+1)%every != 0 })
	ropeByType(f, c, 1e6, real(f, "rope_local_base_freq", 10000))
	return c
}

func gemmaAround(f *fields, c *model.Config, logitCap, attentionCap float64) {
	gemmaBlock(f, c)
	c.Norms = model.NormAround
	c.Activation = activation(f, "hidden_activation", "gelu_pytorch_tanh")
	f.ignore("hidden_act")
	if scalar := real(f, "query_pre_attn_scalar", 256); scalar > 0 {
		c.AttentionScale = 1 / math.Sqrt(scalar)
	} else {
		f.refuse("query_pre_attn_scalar is %v, must be above 0", scalar)
	}
	c.LogitCap, c.AttentionCap = cap0(f, "final_logit_softcapping", logitCap), cap0(f, "attn_logit_softcapping", attentionCap)
	n := &c.Names
	n.AttnPostNorm = "model.layers.*.post_attention_layernorm"
	n.MLPNorm = "model.layers.*.pre_feedforward_layernorm"
	n.MLPPostNorm = "model.layers.*.post_feedforward_layernorm"
}

// cap0 reads a soft cap, for which null is none.
func cap0(f *fields, key string, absent float64) float64 {
	if f.null(key) {
		absent = 0
	}
	v := real(f, key, absent)
	if f.has(key) && v <= 0 {
		f.refuse("%s is %v, must be above 0, or null", key, v)
	}
	return v
}
