package family

import "github.com/steelyard-ml/steelyard/model"

// smolLM3 is Llama with some layers that have no rotary embedding.
func smolLM3(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 128256, hidden: 2048, intermediate: 11008, layers: 36, heads: 16, kvHeads: 4, positions: 32768, padding: 128004,
		eps: 1e-6, tied: true})
	c.Activation = activation(f, "hidden_act", "silu")
	c.AttentionBias, c.MLPBias = flag(f, "attention_bias"), flag(f, "mlp_bias")
	c.Rope = rope(f, c, 2e6)
	turned := get(f, "no_rope_layers", []int(nil)) // 1 where a layer has the rotary embedding
	interval := num(f, "no_rope_layer_interval", 4)
	if turned == nil {
		for i := range atLeast0(c.Layers) {
			turned = append(turned, 1)
			if interval > 0 && (i+1)%interval == 0 {
				turned[i] = 0
			}
		}
	}
	if len(turned) < c.Layers || interval < 1 {
		f.refuse("no_rope_layers has %d entries for %d layers, at an interval of %d", len(turned), c.Layers, interval)
		return c
	}
	none := false
	for _, has := range turned[:atLeast0(c.Layers)] {
		c.NoRope = append(c.NoRope, has == 0)
		none = none || has == 0
	}
	if !none {
		c.NoRope = nil
	}
	f.ignore("max_window_layers") // its files carry Qwen's key
	w, slides := window(f, 0), flag(f, "use_sliding_window")
	byType(f, c, w, func(i int) bool { return slides && w != nil && turned[i] == 0 })
	return c
}
