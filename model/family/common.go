package family

import (
	"slices"

	"github.com/steelyard-ml/steelyard/model"
)

// Sizes are a class's defaults for what every family has.
type sizes struct {
	vocab, hidden, intermediate, layers, heads int
	kvHeads                                    int // 0: as many as heads; null is that always
	headDim                                    int // 0: hidden_size over the heads
	positions                                  int
	padding                                    int // pad_token_id; -1: none
	eps                                        float64
	tied                                       bool
}

// decoder reads what Llama and its descendants call alike, with their tensors' names.
func decoder(f *fields, d sizes) *model.Config {
	c := &model.Config{
		Vocab:        num(f, "vocab_size", d.vocab),
		Hidden:       num(f, "hidden_size", d.hidden),
		Layers:       num(f, "num_hidden_layers", d.layers),
		Heads:        num(f, "num_attention_heads", d.heads),
		Intermediate: num(f, "intermediate_size", d.intermediate),
		MaxPositions: num(f, "max_position_embeddings", d.positions),
		NormEps:      real(f, "rms_norm_eps", d.eps),
		Tied:         get(f, "tie_word_embeddings", d.tied),
		Names:        decoderNames,
	}
	kv, dim := d.kvHeads, d.headDim
	if kv == 0 || f.null("num_key_value_heads") {
		kv = c.Heads
	}
	if dim == 0 || f.null("head_dim") {
		dim = c.Hidden / max(c.Heads, 1)
	}
	c.KVHeads = num(f, "num_key_value_heads", kv)
	c.HeadDim = num(f, "head_dim", dim)
	c.Padding = padding(f, d.padding, c.Vocab)
	return c
}

var decoderNames = model.Names{
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

// qkNames are what families with norms of queries and keys call them.
func qkNames(n *model.Names) {
	n.QNorm, n.KNorm = "model.layers.*.self_attn.q_norm", "model.layers.*.self_attn.k_norm"
}

// padding returns pad_token_id, of which torch counts a negative one from the end, or nil where it is null or nowhere said.
func padding(f *fields, absent, vocab int) *int {
	if f.null("pad_token_id") || absent < 0 && !f.has("pad_token_id") {
		return nil
	}
	id := num(f, "pad_token_id", absent)
	if id < 0 {
		id += vocab
	}
	return &id
}

// activation reads the name of an activation. Names of one function computed in several ways are one.
func activation(f *fields, key, absent string) model.Activation {
	switch name := str(f, key, absent); name {
	case "silu", "swish":
		return model.SiLU
	case "gelu", "gelu_python":
		return model.GELU
	case "gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh":
		return model.GELUTanh
	case "gelu_10", "quick_gelu", "relu", "relu2", "relu6", "leaky_relu", "sigmoid", "tanh", "mish", "hardswish", "laplace", "linear", "sqrtsoftplus":
		return model.Activation(name)
	default:
		f.refuse("%s %q: %w", key, name, model.ErrUnsupported)
		return ""
	}
}

// The types of layers that layer_types may name.
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// window reads sliding_window: nil where it is null, or missing without a default (0).
func window(f *fields, absent int) *int {
	if f.null("sliding_window") || absent == 0 && !f.has("sliding_window") {
		f.seen["sliding_window"] = true
		return nil
	}
	w := num(f, "sliding_window", absent)
	if w < 1 {
		f.refuse("sliding_window is %d, must be at least 1", w)
	}
	return &w
}

// needWindow is window for the classes that need one, though no layer use it.
func needWindow(f *fields, absent int) *int {
	w := window(f, absent)
	if w == nil {
		f.refuse("sliding_window is null: this family needs one")
	}
	return w
}

// everywhere gives every layer a window, or none where it is nil.
func everywhere(c *model.Config, w *int) {
	if w != nil {
		c.Windows = slices.Repeat([]int{*w}, atLeast0(c.Layers))
	}
}

// byType gives the layers windows as layer_types says, or, where it does not, those that slides names.
func byType(f *fields, c *model.Config, w *int, slides func(layer int) bool) {
	types := get(f, "layer_types", []string(nil))
	if types == nil {
		for i := range atLeast0(c.Layers) {
			types = append(types, fullAttention)
			if slides(i) {
				types[i] = slidingAttention
			}
		}
	}
	if len(types) != c.Layers {
		f.refuse("layer_types has %d entries for %d layers", len(types), c.Layers)
		return
	}
	windows := make([]int, len(types))
	for i, t := range types {
		switch {
		case t == fullAttention || t == "attention":
		case t == slidingAttention && w != nil:
			windows[i] = *w
		case t == slidingAttention:
			f.refuse("layer_types: layer %d has %s, but there is no sliding_window", i, t)
			return
		default:
			f.refuse("layer_types: %q: %w (supported: %s, %s)", t, model.ErrUnsupported, fullAttention, slidingAttention)
			return
		}
	}
	if slices.Max(append(windows, 0)) > 0 {
		c.Windows = windows
	}
}

// atLeast0 makes a loop of a count that is not checked yet, and no longer than any model.
func atLeast0(n int) int { return min(max(n, 0), 1<<14) }

// experts reads a mixture of experts, whose number has two names.
func experts(f *fields, count, topK int) *model.Experts {
	return &model.Experts{
		Count:   either(f, "num_experts", "num_local_experts", count),
		TopK:    num(f, "num_experts_per_tok", topK),
		AuxCoef: real(f, "router_aux_loss_coef", 0.001),
	}
}

// expertNames are what Qwen and OLMoE call a layer's experts.
func expertNames(n *model.Names) {
	n.Router = "model.layers.*.mlp.gate"
	n.ExpertGate = "model.layers.*.mlp.experts.#.gate_proj"
	n.ExpertUp = "model.layers.*.mlp.experts.#.up_proj"
	n.ExpertDown = "model.layers.*.mlp.experts.#.down_proj"
}
