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

// A TensorSpec is a tensor that a checkpoint of a Config holds.
type TensorSpec struct {
	Name  string
	Shape []int
	Decay bool // see Param.Decay
}

// Layer puts a layer's number into a name.
func Layer(name string, layer int) string {
	return strings.Replace(name, "*", strconv.Itoa(layer), 1)
}

// Tensors returns the tensors of a checkpoint, in the order transformers lists them. A tied head is not among them.
func (c *Config) Tensors() []TensorSpec {
	var out []TensorSpec
	linear := func(name string, rows, cols int, biased bool) {
		out = append(out, TensorSpec{name + ".weight", []int{rows, cols}, true})
		if biased {
			out = append(out, TensorSpec{name + ".bias", []int{rows}, false})
		}
	}
	norm := func(name string) { out = append(out, TensorSpec{name + ".weight", []int{c.Hidden}, false}) }

	n := c.Names
	linear(n.Embed, c.Vocab, c.Hidden, false)
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
		linear(n.Head, c.Vocab, c.Hidden, false)
	}
	return out
}
