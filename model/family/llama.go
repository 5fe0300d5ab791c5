package family

import "github.com/steelyard-ml/steelyard/model"

// llama is Llama 1 to 3 and what has its shape, as SmolLM and SmolLM2.
func llama(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 32000, hidden: 4096, intermediate: 11008, layers: 32, heads: 32, positions: 2048, padding: -1, eps: 1e-6})
	c.Activation = activation(f, "hidden_act", "silu")
	c.AttentionBias, c.MLPBias = flag(f, "attention_bias"), flag(f, "mlp_bias")
	c.Rope = rope(f, c, 10000)
	return c
}

// mistral is Llama with a window in every layer.
func mistral(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 32000, hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, positions: 131072, padding: -1, eps: 1e-6})
	c.Activation = activation(f, "hidden_act", "silu")
	c.Rope = rope(f, c, 10000)
	everywhere(c, window(f, 4096))
	return c
}

// mixtral is Mistral with experts.
func mixtral(f *fields) *model.Config {
	c := decoder(f, sizes{vocab: 32000, hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8, positions: 131072, padding: -1, eps: 1e-5})
	c.Activation = activation(f, "hidden_act", "silu")
	c.Rope = rope(f, c, 1e6)
	everywhere(c, window(f, 0))
	c.Experts = experts(f, 8, 2)
	c.Experts.Intermediate, c.Experts.Normalize = c.Intermediate, true
	c.Names.Router = "model.layers.*.block_sparse_moe.gate"
	c.Names.ExpertGate = "model.layers.*.block_sparse_moe.experts.#.w1"
	c.Names.ExpertUp = "model.layers.*.block_sparse_moe.experts.#.w3"
	c.Names.ExpertDown = "model.layers.*.block_sparse_moe.experts.#.w2"
	return c
}
