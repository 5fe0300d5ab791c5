package model

import (
	"strconv"
	"strings"
)

// Names says what a family's tensors are called in a checkpoint. Names of a layer hold the sign * for its number; a linear layer or a
// norm is named without its ending ".weight" or ".bias".
type Names struct {
	Embed     string // "model.embed_tokens"
	FinalNorm string // "model.norm"
	Head      string // "lm_head"; not stored where the head is tied

	AttnNorm, MLPNorm string // "model.layers.*.input_layernorm"
	Q, K, V, O        string // "model.layers.*.self_attn.q_proj"
	Gate, Up, Down    string // "model.layers.*.mlp.gate_proj"
}

// A Kind says what a tensor is in transformers' model: what may be adapted, quantized or decayed follows from it.
type Kind uint8

// The kinds of tensors.
const (
	Linear    Kind = iota // weight of an nn.Linear, (out, in): a module that adapters and quantization address by its name
	Conv1D                // weight of GPT-2's Conv1D, (in, out): such a module too
	Embedding             // read by row
	Head                  // weight of the output embedding, an nn.Linear that "all-linear" and quantization leave out
	Vector                // a bias, or the weight of a norm
	Expert                // weight of an expert or of a router, (out, in): a parameter in transformers 5, not a module
)

// A TensorSpec is a tensor that a checkpoint of a Config holds.
type TensorSpec struct {
	Name  string
	Shape []int
	Kind  Kind
}

// Decay says whether decoupled weight decay applies: see Param.Decay.
func (t TensorSpec) Decay() bool { return t.Kind != Vector }

// Layer puts a layer's number into a name.
func Layer(name string, layer int) string {
	return strings.Replace(name, "*", strconv.Itoa(layer), 1)
}

// Tensors returns the tensors of a checkpoint, in the order transformers lists them. A tied head is not among them.
func (c *Config) Tensors() []TensorSpec {
	var out []TensorSpec
	matrix := func(name string, kind Kind, rows, cols int) {
		out = append(out, TensorSpec{name + ".weight", []int{rows, cols}, kind})
	}
	linear := func(name string, rows, cols int, biased bool) {
		matrix(name, Linear, rows, cols)
		if biased {
			out = append(out, TensorSpec{name + ".bias", []int{rows}, Vector})
		}
	}
	norm := func(name string) { out = append(out, TensorSpec{name + ".weight", []int{c.Hidden}, Vector}) }

	n := c.Names
	matrix(n.Embed, Embedding, c.Vocab, c.Hidden)
	for i := range c.Layers {
		linear(Layer(n.Q, i), c.Heads*c.HeadDim, c.Hidden, c.AttentionBias)
		linear(Layer(n.K, i), c.KVHeads*c.HeadDim, c.Hidden, c.AttentionBias)
		linear(Layer(n.V, i), c.KVHeads*c.HeadDim, c.Hidden, c.AttentionBias)
		linear(Layer(n.O, i), c.Hidden, c.Heads*c.HeadDim, c.AttentionBias)
		linear(Layer(n.Gate, i), c.Intermediate, c.Hidden, c.MLPBias)
		linear(Layer(n.Up, i), c.Intermediate, c.Hidden, c.MLPBias)
		linear(Layer(n.Down, i), c.Hidden, c.Intermediate, c.MLPBias)
		norm(Layer(n.AttnNorm, i))
		norm(Layer(n.MLPNorm, i))
	}
	norm(n.FinalNorm)
	if !c.Tied {
		matrix(n.Head, Head, c.Vocab, c.Hidden)
	}
	return out
}
