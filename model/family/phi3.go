package family

import "github.com/steelyard-ml/steelyard/model"

// phi3 is Llama with fused projections: Phi-3 and Phi-4.
func phi3(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 32064, hidden: 3072, intermediate: 8192, layers: 32, heads: 32, positions: 4096, padding: 32000, eps: 1e-5})
	c.Activation = activation(f, "hidden_act", "silu")
	c.Rope = partialRope(f, c, 10000, "partial_rotary_factor", 1)
	if c.Rope.Type != "default" {
		f.refuse("rope_type %q: %w for phi3, whose class has default and longrope (supported: default)", c.Rope.Type, model.ErrUnsupported)
	}
	f.ignore("original_max_position_embeddings") // of longrope
	everywhere(c, window(f, 0))
	n := &c.Names
	n.QKV, n.Q, n.K, n.V = "model.layers.*.self_attn.qkv_proj", "", "", ""
	n.GateUp, n.Gate, n.Up = "model.layers.*.mlp.gate_up_proj", "", ""
	return c
}
