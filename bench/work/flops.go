package work

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/model"
)

// A Pair is a preference pair by its lengths, in tokens.
type Pair struct{ Prompt, Chosen, Rejected int }

// Tokens returns the tokens of the pair, its prompt counted once.
func (p Pair) Tokens() int { return p.Prompt + p.Chosen + p.Rejected }

// scored returns the tokens that are predicted.
func (p Pair) scored() int { return p.Chosen + p.Rejected }

// keys returns how many keys all queries of the pair see, their own included: token i of a prompt i+1, token j of a completion the prompt
// and j+1.
func (p Pair) keys() int {
	triangle := func(n int) int { return n * (n + 1) / 2 }
	return triangle(p.Prompt) + p.Chosen*p.Prompt + triangle(p.Chosen) + p.Rejected*p.Prompt + triangle(p.Rejected)
}

// A module is a linear layer of a block.
type module struct{ in, out int }

// modules lists the linear layers of a block, q, k and v first.
func modules(c *model.Config) []module {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	list := []module{{c.Hidden, q}, {c.Hidden, kv}, {c.Hidden, kv}, {q, c.Hidden}, {c.Hidden, c.Intermediate}, {c.Intermediate, c.Hidden}}
	if !c.Ungated {
		list = append(list, module{c.Hidden, c.Intermediate})
	}
	return list
}

// Parts are floating-point operations, a multiply-add counted as two.
type Parts struct{ Linear, Attention, Head float64 }

// Sum returns all of them.
func (p Parts) Sum() float64 { return p.Linear + p.Attention + p.Head }

// Forward counts the necessary operations of a forward pass over pairs:
//
//	linear layers  2 · Σ in·out · tokens, a block each
//	attention      4 · heads · head_dim · keys, a block each: half of it for the scores, half for the weighted sum
//	head           2 · vocabulary · hidden · completion tokens
//
// Norms, activations, the softmaxes and embeddings are left out. It knows no experts and no sliding windows, and returns an error for them.
func Forward(c *model.Config, pairs []Pair) (Parts, error) {
	if c.Experts != nil || c.Windows != nil {
		return Parts{}, fmt.Errorf("work: operations of %s are not counted: it has experts or sliding windows", c.Family)
	}
	weights := 0
	for _, m := range modules(c) {
		weights += m.in * m.out
	}
	var p Parts
	for _, pair := range pairs {
		p.Linear += 2 * float64(c.Layers) * float64(weights) * float64(pair.Tokens())
		p.Attention += 4 * float64(c.Layers) * float64(c.Heads*c.HeadDim) * float64(pair.keys())
		p.Head += 2 * float64(c.Vocab) * float64(c.Hidden) * float64(pair.scored())
	}
	return p, nil
}

// Full counts a training step of all weights without the optimizer: backward takes twice what forward does, once for the gradients of what
// is multiplied and once for those of what it is multiplied with. Scores and logits that backward computes again are not necessary: they
// could have been kept.
func Full(c *model.Config, pairs []Pair) (float64, error) {
	p, err := Forward(c, pairs)
	return 3 * p.Sum(), err
}

// LoRA counts a training step of adapters of so low a rank on all linear layers but the head:
//
//	forward                    and the adapters' own: 2·r·(in+out) · tokens a module
//	gradients of activations   as forward, twice that for attention; none for the q, k and v of the first block, whose input has none
//	the adapters' backward     twice their forward
func LoRA(c *model.Config, rank int, pairs []Pair) (float64, error) {
	p, err := Forward(c, pairs)
	adapters, first, tokens := 0, 0, 0
	for i, m := range modules(c) {
		adapters += m.in + m.out
		if i < 3 {
			first += m.in * m.out
		}
	}
	for _, pair := range pairs {
		tokens += pair.Tokens()
	}
	backward := p.Linear - 2*float64(first)*float64(tokens) + 2*p.Attention + p.Head
	return p.Sum() + backward + 3*2*float64(c.Layers)*float64(rank)*float64(adapters)*float64(tokens), err
}
