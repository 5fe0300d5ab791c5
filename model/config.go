package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrUnsupported is returned, wrapped, for a model that this program does not compute exactly. There is no way round it: use a model of
// a family named in docs/models.md.
var ErrUnsupported = errors.New("not supported")

// A Config is an architecture as data: what one block needs to compute any supported family. model/family fills it from config.json.
//
// The zero value of every field but sizes, NormEps and Rope is what Llama does, and such fields carry omitempty: so a field added for a
// new family does not change the digest of the others.
type Config struct {
	Family       string `json:"-"` // config.json model_type. Example: "llama"
	MaxPositions int    `json:"-"` // max_position_embeddings; longer sequences are refused
	Names        Names  `json:"-"` // the tensors' names in a checkpoint
	Quantized    bool   `json:"-"` // quantization_config: linear layers may be stored in bitsandbytes' 4 bits
	// Padding is pad_token_id, or nil. Looking this token up gives the embedding no gradient, as torch.nn.Embedding's padding_idx has it,
	// also where a chat template ends turns with it; a tied head's gradient reaches its row all the same.
	Padding *int `json:"-"`

	Vocab        int // V, vocab_size
	Hidden       int // C, hidden_size
	Layers       int // num_hidden_layers
	Heads        int // H, num_attention_heads
	KVHeads      int // G, num_key_value_heads; H is a multiple of it
	HeadDim      int // D, head_dim
	Intermediate int // F, intermediate_size: of layers without experts

	NormEps float64   // rms_norm_eps
	Norm    NormKind  `json:",omitempty"`
	Norms   NormPlace `json:",omitempty"`
	QKNorm  QKNorm    `json:",omitempty"` // norms of queries and keys, before they are turned
	// Parallel adds both halves of a layer to its input: x + attention(norm(x)) + mlp(norm'(x)).
	Parallel bool `json:",omitempty"`

	Rope Rope
	// Local is the rotary embedding of layers with a window, where it is not Rope.
	Local *Rope `json:",omitempty"`
	// NoRope lists, a layer each, which have no rotary embedding; nil is none of them.
	NoRope []bool `json:",omitempty"`
	// Windows lists, a layer each, how many keys a query sees, its own included; 0 is all, nil is all in every layer.
	Windows []int `json:",omitempty"`
	// Positions says that a learned embedding of the position, of MaxPositions rows, is added to the token's.
	Positions bool `json:",omitempty"`

	EmbedScale     float64 `json:",omitempty"` // what embeddings are multiplied with; 0 is 1
	AttentionScale float64 `json:",omitempty"` // what scores are multiplied with; 0 is 1/√D
	ScaleByLayer   bool    `json:",omitempty"` // scores of layer i, from 0, are divided by i + 1 too
	AttentionCap   float64 `json:",omitempty"` // scores s become cap·tanh(s/cap); 0 is no cap
	LogitCap       float64 `json:",omitempty"` // logits too
	ClipQKV        float64 `json:",omitempty"` // queries, keys and values stay within ±ClipQKV, before they are turned; 0 is no limit

	Activation Activation `json:",omitempty"`
	Ungated    bool       `json:",omitempty"` // down(act(up(x))), without a gate
	Experts    *Experts   `json:",omitempty"` // a mixture of experts in place of the feed-forward network
	// Interleaved says that a fused projection gives query, key and value of head 0, then of head 1, and so on.
	Interleaved bool `json:",omitempty"`

	Tied bool `json:",omitempty"` // tie_word_embeddings: the head is the embedding

	AttentionBias bool `json:",omitempty"` // biases on q, k, v and o
	QKVBias       bool `json:",omitempty"` // biases on q, k and v alone
	MLPBias       bool `json:",omitempty"` // biases on gate, up and down
}

// A NormKind is a formula of normalization. g is the norm's weight, b its bias.
type NormKind string

// The kinds of norms.
const (
	RMSNorm        NormKind = ""         // x/√(mean(x²) + ε) ∘ g (Zhang and Sennrich 2019)
	RMSNormOnePlus NormKind = "one_plus" // x/√(mean(x²) + ε) ∘ (1 + g), as Gemma has it
	LayerNorm      NormKind = "layer"    // (x − mean)/√(var + ε) ∘ g + b (Ba et al. 2016)
)

// A NormPlace says where a layer's norms stand: before its halves, attention and feed-forward, or behind them.
type NormPlace string

// The places of norms.
const (
	NormBefore NormPlace = ""     // x + f(norm(x))
	NormAfter  NormPlace = "post" // x + norm(f(x))
	NormAround NormPlace = "both" // x + norm'(f(norm(x)))
)

// A QKNorm says over what queries and keys are normalized.
type QKNorm string

// The norms of queries and keys.
const (
	NoQKNorm    QKNorm = ""
	HeadQKNorm  QKNorm = "head"  // every head on its own, with one weight of D elements
	WholeQKNorm QKNorm = "whole" // all heads of a token together
)

// An Activation is the nonlinearity of a feed-forward network, under a name of transformers' ACT2FN.
type Activation string

// The activations. SiLU is what no name means.
const (
	SiLU         Activation = ""          // x·σ(x)
	GELU         Activation = "gelu"      // x·Φ(x)
	GELUTanh     Activation = "gelu_tanh" // ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
	GELU10       Activation = "gelu_10"   // GELU within ±10
	QuickGELU    Activation = "quick_gelu"
	ReLU         Activation = "relu"
	ReLU2        Activation = "relu2"
	ReLU6        Activation = "relu6"
	LeakyReLU    Activation = "leaky_relu"
	Sigmoid      Activation = "sigmoid"
	Tanh         Activation = "tanh"
	Mish         Activation = "mish"
	HardSwish    Activation = "hardswish"
	Laplace      Activation = "laplace"
	Identity     Activation = "linear"
	SqrtSoftplus Activation = "sqrtsoftplus"
)

// Experts are a mixture of experts (Shazeer et al. 2017): a router gives each token Σ over its TopK most probable experts of
// weight·expert(x), where the weights are softmax(router·x) of those experts.
type Experts struct {
	Count        int    // E
	TopK         int    // K, num_experts_per_tok
	Intermediate int    // F of an expert
	Normalize    bool   `json:",omitempty"` // norm_topk_prob: the weights of a token are made to sum to 1
	Dense        []bool `json:",omitempty"` // which layers, one entry each, have no experts; nil is none of them
	// AuxCoef is router_aux_loss_coef, the weight of the router's auxiliary loss in training; no log-probability depends on it.
	AuxCoef float64 `json:"-"`
}

// A Rope is the rotary embedding of a model.
type Rope struct {
	Type  string  // "default", "linear", "llama3", "yarn", or "none"
	Theta float64 // rope_theta
	// Dim is what the exponents of frequencies are divided by, the elements of a head that are turned (rounded up to an even number);
	// 0 is all.
	Dim int `json:",omitempty"`
	// Factor scales "linear", "llama3" and "yarn"; the next three belong to "llama3", the last to "llama3" and "yarn".
	Factor               float64 `json:",omitempty"`
	LowFreqFactor        float64 `json:",omitempty"`
	HighFreqFactor       float64 `json:",omitempty"`
	OriginalMaxPositions int     `json:",omitempty"`
	// Of "yarn" (Peng et al. 2023): what cosines and sines are multiplied with, the numbers of turns over the original context between
	// which frequencies are blended, and whether those bounds are left unrounded.
	AttentionFactor    float64 `json:",omitempty"`
	BetaFast, BetaSlow float64 `json:",omitempty"`
	Unrounded          bool    `json:",omitempty"`
}

// Window returns how many keys a query of a layer sees, or 0 for all.
func (c *Config) Window(layer int) int {
	if c.Windows == nil {
		return 0
	}
	return c.Windows[layer]
}

// Sparse says whether a layer has experts.
func (c *Config) Sparse(layer int) bool {
	return c.Experts != nil && (c.Experts.Dense == nil || !c.Experts.Dense[layer])
}

// Digest returns "sha256:" and the digest of everything in the configuration that a log-probability depends on. How many positions a
// model was declared for is not among it, nor what its tensors are called.
func (c *Config) Digest() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic("model: a Config holds a value that JSON has no word for: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// String is one line for people. Example: "llama, 30 layers of width 576".
func (c *Config) String() string {
	return fmt.Sprintf("%s, %d layers of width %d", c.Family, c.Layers, c.Hidden)
}
