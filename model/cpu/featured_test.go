package cpu

import "github.com/steelyard-ml/steelyard/model"

// featured are small random models with what the plain reference does not compute; their values are held against transformers elsewhere.
var featured = []small{
	{name: "norms around, windows, caps, one_plus", keys: 4, queries: 3, headRows: 7, headVocab: 11,
		cfg: model.Config{Vocab: 41, Hidden: 24, Layers: 3, Heads: 6, KVHeads: 2, HeadDim: 10, Intermediate: 33, Tied: true,
			Norm: model.RMSNormOnePlus, Norms: model.NormAround, QKNorm: model.HeadQKNorm, EmbedScale: 4.9, AttentionScale: 0.2,
			AttentionCap: 3, LogitCap: 5, Activation: model.GELUTanh, Windows: []int{5, 0, 1}, Local: &model.Rope{Type: "linear", Theta: 300, Factor: 2}}},
	{name: "experts, norms of all queries, limit", keys: 5, queries: 8, headRows: 16, headVocab: 16,
		cfg: model.Config{Vocab: 53, Hidden: 24, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 6, Intermediate: 31, QKNorm: model.WholeQKNorm, ClipQKV: 1.5,
			Experts: &model.Experts{Count: 5, TopK: 2, Intermediate: 14, Normalize: true, Dense: []bool{false, true, false}}}},
	{name: "side by side, LayerNorm, interleaved, partly turned",
		cfg: model.Config{Vocab: 37, Hidden: 20, Layers: 2, Heads: 4, KVHeads: 4, HeadDim: 5, Intermediate: 28, Norm: model.LayerNorm, Parallel: true,
			Interleaved: true, Ungated: true, Activation: model.GELU, AttentionBias: true, MLPBias: true,
			Rope: model.Rope{Type: "yarn", Dim: 3, Factor: 4, OriginalMaxPositions: 32, AttentionFactor: 1.1, BetaFast: 32, BetaSlow: 1}}},
	{name: "learned positions, transposed", keys: 3, queries: 2, headRows: 5, headVocab: 9,
		cfg: model.Config{Vocab: 31, Hidden: 12, Layers: 2, Heads: 3, KVHeads: 3, HeadDim: 4, Intermediate: 17, Norm: model.LayerNorm, Tied: true,
			Ungated: true, Activation: model.ReLU2, AttentionBias: true, MLPBias: true, Positions: true, ScaleByLayer: true,
			Rope: model.Rope{Type: "none"}}},
	{name: "norms behind, fused, some layers not turned", keys: 6, queries: 5,
		cfg: model.Config{Vocab: 29, Hidden: 16, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 4, Intermediate: 19, Norms: model.NormAfter,
			QKNorm: model.WholeQKNorm, NoRope: []bool{false, true, false}, QKVBias: true, Activation: model.Mish}},
}

// everyKind are all small models.
var everyKind = append(append([]small(nil), smalls...), featured...)

// namesOf are the names of what a configuration has.
func namesOf(c *model.Config) model.Names {
	n := names
	switch c.Norms {
	case model.NormAround:
		n.AttnPostNorm, n.MLPPostNorm = "*.attn_post_norm", "*.mlp_post_norm"
	case model.NormAfter:
		n.AttnNorm, n.MLPNorm = "", ""
		n.AttnPostNorm, n.MLPPostNorm = "*.attn_post_norm", "*.mlp_post_norm"
		n.Q, n.K, n.V, n.QKV = "", "", "", "*.qkv"
		n.Gate, n.Up, n.GateUp = "", "", "*.gate_up"
	}
	if c.QKNorm != model.NoQKNorm {
		n.QNorm, n.KNorm = "*.q_norm", "*.k_norm"
	}
	if c.Interleaved || c.Positions {
		n.Q, n.K, n.V, n.QKV = "", "", "", "*.qkv"
	}
	if c.Positions {
		n.Positions, n.Transposed = "positions", true
	}
	if c.Ungated {
		n.Gate = ""
	}
	if c.Experts != nil {
		n.Router, n.ExpertGate, n.ExpertUp, n.ExpertDown = "*.router", "*.expert.#.gate", "*.expert.#.up", "*.expert.#.down"
	}
	return n
}
