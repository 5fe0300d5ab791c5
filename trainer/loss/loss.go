package loss

import (
	"fmt"
	"slices"
	"strings"
)

// A Completion is what a loss sees of one completion: natural log-probabilities, summed over its tokens.
type Completion struct {
	Logp float64 // log π_θ(y|x), the policy's
	Ref  float64 // log π_ref(y|x), from the cache
}

// LogRatio returns log π_θ(y|x) − log π_ref(y|x).
func (c Completion) LogRatio() float64 { return c.Logp - c.Ref }

// A Pair is what a loss sees of a preference pair.
type Pair struct {
	Chosen, Rejected Completion
}

// A Term is a pair's share of a group's loss.
type Term struct {
	Loss float64
	// DChosen and DRejected are ∂ Σ_group Loss / ∂ Logp of the pair's completions.
	DChosen, DRejected float64
}

// A Loss is the weighted sum of named losses.
type Loss struct {
	parts []part
	beta  float64
}

type part struct {
	kind
	weight float64
}

// A kind is one loss under TRL's name.
type kind struct {
	name string
	// add adds weight · (loss and derivatives) of every pair of the group to its term.
	add func(beta, weight float64, group []Pair, terms []Term)
	// perPair says that a pair's term depends on that pair alone, so that a group may be evaluated in pieces.
	perPair bool
}

// kinds are the losses there are.
var kinds = []kind{
	{name: "sigmoid", add: addSigmoid, perPair: true},
}

// planned are TRL's other losses, refused by name.
var planned = []string{
	"hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop",
	"sft", "sigmoid_norm",
}

// New returns Σ weights[k] · types[k] with the given β. No weights means that all are 1.
func New(types []string, weights []float64, beta float64) (Loss, error) {
	if len(types) == 0 {
		return Loss{}, fmt.Errorf("no loss is named; write one of %s", names())
	}
	if len(weights) != 0 && len(weights) != len(types) {
		return Loss{}, fmt.Errorf("there are %d losses and %d weights; give each its own", len(types), len(weights))
	}
	l := Loss{beta: beta}
	for i, name := range types {
		k := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		switch {
		case k < 0 && slices.Contains(planned, name):
			return Loss{}, fmt.Errorf("the loss %q is not supported by this version; use %s", name, names())
		case k < 0:
			return Loss{}, fmt.Errorf("there is no loss %q; use %s", name, names())
		}
		p := part{kind: kinds[k], weight: 1}
		if len(weights) != 0 {
			p.weight = weights[i]
		}
		l.parts = append(l.parts, p)
	}
	return l, nil
}

func names() string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return strings.Join(out, ", ")
}

// PerPair says whether every pair's term depends on that pair alone. Only then may [Loss.Eval] be given a part of a group.
func (l Loss) PerPair() bool {
	return !slices.ContainsFunc(l.parts, func(p part) bool { return !p.perPair })
}

// Eval sets the terms of a group, one a pair. It panics if there are not as many terms as pairs.
func (l Loss) Eval(group []Pair, terms []Term) {
	if len(group) != len(terms) {
		panic("loss: Eval needs a term for every pair")
	}
	clear(terms)
	for _, p := range l.parts {
		p.add(l.beta, p.weight, group, terms)
	}
}
