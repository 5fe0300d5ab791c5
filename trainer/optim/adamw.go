package optim

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/steelyard-ml/steelyard/internal/memory"
	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// An Optimizer updates a model's parameters.
type Optimizer interface {
	// Step takes one step with the gradients times scale, and clears them.
	Step(lr float64, scale float32)
	// State returns what it keeps from step to step, as it stands: writing to it restores a state.
	State() []Tensor
	// Resume says that the state is that after so many steps.
	Resume(steps int)
}

// A Tensor is a part of an optimizer's state, of float32s or of codes.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
	Codes []byte // in place of Data
}

// Options of AdamW, under transformers' names.
type Options struct {
	Beta1, Beta2 float64 // adam_beta1, adam_beta2: how much of the moments stays, in [0, 1)
	Epsilon      float64 // adam_epsilon
	WeightDecay  float64 // of parameters with Decay
}

// An AdamW is the optimizer's state over a model's parameters: two float32 moments a weight, and the number of steps taken.
type AdamW struct {
	o      Options
	params []model.Param
	first  [][]float32 // exp_avg, m below
	second [][]float32 // exp_avg_sq, v below
	steps  int
}

// NewAdamW returns the state before the first step: moments of zero.
func NewAdamW(params []model.Param, o Options) *AdamW {
	lengths := make([]int, len(params))
	for i, p := range params {
		lengths[i] = len(p.Data)
	}
	return &AdamW{o: o, params: params, first: memory.Arrays(lengths), second: memory.Arrays(lengths)}
}

// Step takes one step with the gradients times scale (see [ClipScale]), and clears them. For the t-th step, elementwise:
//
//	w ← w·(1 − lr·λ)                       // with Decay only; decoupled decay, before the rest
//	m ← m + (1 − β₁)·(g − m)
//	v ← β₂·v + (1 − β₂)·g·g
//	w ← w − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
//
// (Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2, as torch.optim.AdamW computes it.) Each operation rounds to float32; the
// factors are computed in float64.
func (a *AdamW) Step(lr float64, scale float32) {
	a.steps++
	plain := simd.AdamW{
		Keep:    1,
		Scale:   scale,
		Blend1:  float32(1 - a.o.Beta1),
		Beta2:   float32(a.o.Beta2),
		Blend2:  float32(1 - a.o.Beta2),
		Root:    float32(math.Sqrt(1 - power(a.o.Beta2, a.steps))),
		Epsilon: float32(a.o.Epsilon),
		Rate:    float32(-lr / (1 - power(a.o.Beta1, a.steps))),
	}
	decaying := plain
	decaying.Keep = float32(1 - float64(lr*a.o.WeightDecay))
	inChunks(a.params, func(i, from, to int) {
		p, f := a.params[i], &plain
		if p.Decay {
			f = &decaying
		}
		f.Step(p.Data[from:to], p.Grad[from:to], a.first[i][from:to], a.second[i][from:to])
	})
}

// State returns the moments, as torch names them.
func (a *AdamW) State() []Tensor {
	var out []Tensor
	for i, p := range a.params {
		out = append(out, Tensor{Name: p.Name + ".exp_avg", Shape: p.Shape, Data: a.first[i]},
			Tensor{Name: p.Name + ".exp_avg_sq", Shape: p.Shape, Data: a.second[i]})
	}
	return out
}

// Resume says that the moments are those after so many steps.
func (a *AdamW) Resume(steps int) { a.steps = steps }

// Norm returns the Euclidean norm of all gradients together, as one vector. It sums in float64, in an order that depends on nothing but
// the parameters' sizes. Where it is not finite, the error names the first parameter that is to blame.
func Norm(params []model.Param) (float64, error) {
	sums := make([][]float64, len(params))
	for i, p := range params {
		sums[i] = make([]float64, (len(p.Grad)+chunk-1)/chunk)
	}
	inChunks(params, func(i, from, to int) {
		sums[i][from/chunk] = simd.SumSq(params[i].Grad[from:to])
	})
	total := 0.0
	for i, parts := range sums {
		for _, s := range parts {
			if math.IsNaN(s) || math.IsInf(s, 0) {
				return math.NaN(), fmt.Errorf("the gradient of %s is not finite", params[i].Name)
			}
			total += s
		}
	}
	return math.Sqrt(total), nil
}

// ClipScale returns by what to multiply gradients of that norm so that it is at most max: min(1, max/(norm + 1e-6)), as
// torch.nn.utils.clip_grad_norm_ does. A max of 0 means no clipping, as in transformers.
func ClipScale(norm, max float64) float32 {
	if max == 0 {
		return 1
	}
	return float32(math.Min(1, max/(norm+1e-6)))
}

// power returns bⁿ for n ≥ 0, by repeated squaring.
func power(b float64, n int) float64 {
	out := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = float64(out * b)
		}
		b = float64(b * b)
	}
	return out
}

// chunk is how many elements one thread takes at a time: 256 KB of float32.
const chunk = 1 << 16

// inChunks calls do for all elements of all parameters, cut at multiples of chunk, on all processors.
func inChunks(params []model.Param, do func(param, from, to int)) {
	type piece struct{ param, from, to int }
	var pieces []piece
	for i, p := range params {
		for from := 0; from < len(p.Data); from += chunk {
			pieces = append(pieces, piece{i, from, min(from+chunk, len(p.Data))})
		}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(pieces)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(pieces) {
					return
				}
				do(pieces[i].param, pieces[i].from, pieces[i].to)
			}
		})
	}
	wg.Wait()
}
