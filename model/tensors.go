package model

import (
	"strconv"
	"strings"
)

// Names says what a family's tensors are called in a checkpoint. Names of a layer hold the sign * for its number, those of an expert the
// sign # for the expert's; a linear layer or a norm is named without its ending ".weight" or ".bias". What a family lacks has no name.
type Names struct {
	Embed     string // "model.embed_tokens"
	Positions string // "transformer.wpe"
	FinalNorm string // "model.norm"
	Head      string // "lm_head"; not stored where the head is tied

	AttnNorm, MLPNorm         string // norms before a half: "model.layers.*.input_layernorm"
	AttnPostNorm, MLPPostNorm string // and behind it: "model.layers.*.post_attention_layernorm"
	QNorm, KNorm              string // "model.layers.*.self_attn.q_norm"

	Q, K, V, O     string // "model.layers.*.self_attn.q_proj"
	QKV            string // one projection in place of the first three: "model.layers.*.self_attn.qkv_proj"
	Gate, Up, Down string // "model.layers.*.mlp.gate_proj"
	GateUp         string // one projection in place of the first two: "model.layers.*.mlp.gate_up_proj"

	Router                           string // "model.layers.*.mlp.gate"
	ExpertGate, ExpertUp, ExpertDown string // "model.layers.*.mlp.experts.#.gate_proj"

	// Transposed says that linear layers are stored (in, out), as GPT-2's Conv1D is.
	Transposed bool
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

// ExpertName puts a layer's and an expert's number into a name.
func ExpertName(name string, layer, expert int) string {
	return strings.Replace(Layer(name, layer), "#", strconv.Itoa(expert), 1)
}

// Tensors returns the tensors of a checkpoint, in the order transformers lists them. A tied head is not among them.
func (c *Config) Tensors() []TensorSpec {
	l := &lister{c: c}
	n := &c.Names
	l.matrix(n.Embed, Embedding, c.Vocab, c.Hidden)
	if c.Positions {
		l.matrix(n.Positions, Embedding, c.MaxPositions, c.Hidden)
	}
	for i := range c.Layers {
		l.attention(i)
		if c.Sparse(i) {
			l.experts(i)
		} else {
			l.feedForward(i)
		}
		for _, name := range []string{n.AttnNorm, n.AttnPostNorm, n.MLPNorm, n.MLPPostNorm} {
			l.norm(Layer(name, i), c.Hidden)
		}
	}
	l.norm(n.FinalNorm, c.Hidden)
	if !c.Tied {
		l.matrix(n.Head, Head, c.Vocab, c.Hidden)
	}
	return l.out
}

// A lister lists tensors.
type lister struct {
	c   *Config
	out []TensorSpec
}

func (l *lister) matrix(name string, kind Kind, rows, cols int) {
	l.out = append(l.out, TensorSpec{name + ".weight", []int{rows, cols}, kind})
}

func (l *lister) linear(name string, out, in int, biased bool) {
	if l.c.Names.Transposed {
		l.matrix(name, Conv1D, in, out)
	} else {
		l.matrix(name, Linear, out, in)
	}
	if biased {
		l.vector(name+".bias", out)
	}
}

func (l *lister) vector(name string, n int) {
	l.out = append(l.out, TensorSpec{name, []int{n}, Vector})
}

// norm lists a norm, where the family has it.
func (l *lister) norm(name string, n int) {
	if name == "" {
		return
	}
	l.vector(name+".weight", n)
	if l.c.Norm == LayerNorm {
		l.vector(name+".bias", n)
	}
}

func (l *lister) attention(i int) {
	c, n := l.c, &l.c.Names
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	biased := c.AttentionBias || c.QKVBias
	if n.QKV != "" {
		l.linear(Layer(n.QKV, i), q+2*kv, c.Hidden, biased)
	} else {
		l.linear(Layer(n.Q, i), q, c.Hidden, biased)
		l.linear(Layer(n.K, i), kv, c.Hidden, biased)
		l.linear(Layer(n.V, i), kv, c.Hidden, biased)
	}
	l.linear(Layer(n.O, i), c.Hidden, q, c.AttentionBias)
	switch c.QKNorm {
	case HeadQKNorm:
		l.norm(Layer(n.QNorm, i), c.HeadDim)
		l.norm(Layer(n.KNorm, i), c.HeadDim)
	case WholeQKNorm:
		l.norm(Layer(n.QNorm, i), q)
		l.norm(Layer(n.KNorm, i), kv)
	}
}

func (l *lister) feedForward(i int) {
	c, n := l.c, &l.c.Names
	switch {
	case n.GateUp != "":
		l.linear(Layer(n.GateUp, i), 2*c.Intermediate, c.Hidden, c.MLPBias)
	case c.Ungated:
		l.linear(Layer(n.Up, i), c.Intermediate, c.Hidden, c.MLPBias)
	default:
		l.linear(Layer(n.Gate, i), c.Intermediate, c.Hidden, c.MLPBias)
		l.linear(Layer(n.Up, i), c.Intermediate, c.Hidden, c.MLPBias)
	}
	l.linear(Layer(n.Down, i), c.Hidden, c.Intermediate, c.MLPBias)
}

func (l *lister) experts(i int) {
	c, n, e := l.c, &l.c.Names, l.c.Experts
	l.matrix(Layer(n.Router, i), Expert, e.Count, c.Hidden)
	for x := range e.Count {
		l.matrix(ExpertName(n.ExpertGate, i, x), Expert, e.Intermediate, c.Hidden)
		l.matrix(ExpertName(n.ExpertUp, i, x), Expert, e.Intermediate, c.Hidden)
		l.matrix(ExpertName(n.ExpertDown, i, x), Expert, c.Hidden, e.Intermediate)
	}
}
