package optim

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint/quant"
)

// An AdamW8 is AdamW whose moments are held in 8 bits, as bitsandbytes 0.50.2 computes it on processors (optim.AdamW with optim_bits=8):
// a moment is a code of a dynamic map, signed for the first and unsigned for the second, times the largest magnitude of its block of 256.
// That takes 2.03 bytes a weight in place of 8. Parameters of fewer than 4,096 weights, and embeddings, keep theirs in float32.
type AdamW8 struct {
	o      Options
	params []model.Param
	states []state8
	steps  int
}

// A state8 is the moments of one parameter: in 32 bits, or in codes with the magnitudes of their blocks.
type state8 struct {
	m, v       []float32
	m8, v8     []byte
	mMax, vMax []float32
}

const (
	block8 = 256  // bitsandbytes' blocksize
	whole8 = 4096 // its min_8bit_size
)

// NewAdamW8 returns the state before the first step. whole says which parameters keep 32 bits whatever their size.
func NewAdamW8(params []model.Param, o Options, whole func(model.Param) bool) *AdamW8 {
	a := &AdamW8{o: o, params: params}
	for _, p := range params {
		n := len(p.Data)
		if n < whole8 || whole(p) {
			a.states = append(a.states, state8{m: make([]float32, n), v: make([]float32, n)})
			continue
		}
		blocks := (n + block8 - 1) / block8
		a.states = append(a.states, state8{m8: make([]byte, n), v8: make([]byte, n), mMax: make([]float32, blocks), vMax: make([]float32, blocks)})
	}
	return a
}

// Step takes one step with the gradients times scale, and clears them. For the t-th step, elementwise, where fma rounds once:
//
//	m ← fma(1 − β₁, g, β₁·m)
//	v ← fma((1 − β₂)·g, g, β₂·v)
//	w ← w·(1 − lr·λ)                                            // with Decay only
//	w ← w + (−lr/(1 − β₁ᵗ)·m) / (√v/√(1 − β₂ᵗ) + ε)              // in 8 bits
//	w ← fma(−lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ), m/(√v + ε·√(1 − β₂ᵗ)), w)  // in 32 bits
//
// The moments go into the weights as they are before they become codes again. Each operation rounds to float32; the factors are computed in
// float64. The moments are bitsandbytes' to the bit; of the weights the last bits may differ, since torch's square root is not
// correctly rounded everywhere.
func (a *AdamW8) Step(lr float64, scale float32) {
	a.steps++
	bias1, root := 1-power(a.o.Beta1, a.steps), math.Sqrt(1-power(a.o.Beta2, a.steps))
	f := factors8{
		keep: 1, scale: scale,
		beta1: float32(a.o.Beta1), blend1: float32(1 - a.o.Beta1),
		beta2: float32(a.o.Beta2), blend2: float32(1 - a.o.Beta2),
		root: float32(root), epsilon: float32(a.o.Epsilon), rate: float32(-lr / bias1),
		epsilon32: float32(a.o.Epsilon * root), rate32: float32(-lr * root / bias1),
	}
	inChunks(a.params, func(i, from, to int) {
		p, s, f := a.params[i], &a.states[i], f
		if p.Decay {
			f.keep = float32(1 - float64(lr*a.o.WeightDecay))
		}
		w, g := p.Data[from:to], p.Grad[from:to]
		if s.m8 == nil {
			m, v := s.m[from:to], s.v[from:to]
			for at := 0; at < len(w); at += block8 {
				end := min(at+block8, len(w))
				f.moments(g[at:end], m[at:end], v[at:end])
			}
			f.update32(w, m, v)
			return
		}
		var m, v [block8]float32
		for at := 0; at < len(w); at += block8 {
			n, b := min(block8, len(w)-at), (from+at)/block8
			m, v := m[:n], v[:n]
			m8, v8 := s.m8[from+at:][:n], s.v8[from+at:][:n]
			quant.Signed().Dequantize(m, m8, s.mMax[b:], block8)
			quant.Unsigned().Dequantize(v, v8, s.vMax[b:], block8)
			f.moments(g[at:][:n], m, v)
			f.update8(w[at:][:n], m, v)
			quant.Signed().Quantize(m8, s.mMax[b:], m, block8)
			quant.Unsigned().Quantize(v8, s.vMax[b:], v, block8)
		}
	})
}

// factors8 are the numbers of one step that all weights share.
type factors8 struct {
	keep, scale, beta1, blend1, beta2, blend2 float32
	root, epsilon, rate                       float32
	epsilon32, rate32                         float32
}

// moments brings the moments up to date and clears the gradients, at most block8 of each.
func (f factors8) moments(g, m, v []float32) {
	var room [block8]float32
	scaled := room[:len(g)]
	simd.Scale(g, f.scale)
	copy(scaled, g)
	simd.Scale(m, f.beta1)
	simd.Axpy(m, f.blend1, g)
	simd.Scale(scaled, f.blend2)
	simd.Scale(v, f.beta2)
	simd.MulAdd(v, scaled, g)
	clear(g)
}

func (f factors8) update8(w, m, v []float32) {
	for i := range w {
		denominator := float32(math.Sqrt(float64(v[i])))/f.root + f.epsilon
		w[i] = float32(w[i]*f.keep) + float32(f.rate*m[i])/denominator
	}
}

func (f factors8) update32(w, m, v []float32) {
	for i := range w {
		w[i] = fma(f.rate32, m[i]/(float32(math.Sqrt(float64(v[i])))+f.epsilon32), float32(w[i]*f.keep))
	}
}

// fma returns x·y + z, rounded once. The product is exact in float64; the sum is rounded to odd there, so that the rounding to float32 that
// follows is the only one.
func fma(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s := p + c
	back := s - p
	lost := (p - (s - back)) + (c - back) // the sum's error (Knuth)
	bits := math.Float64bits(s)
	if bits&1 == 0 && (lost < 0 || lost > 0) { // neither exact, nor infinite, nor a NaN
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}

// State returns the moments, as bitsandbytes names them.
func (a *AdamW8) State() []Tensor {
	var out []Tensor
	for i, p := range a.params {
		s := &a.states[i]
		if s.m8 == nil {
			out = append(out, Tensor{Name: p.Name + ".state1", Shape: p.Shape, Data: s.m}, Tensor{Name: p.Name + ".state2", Shape: p.Shape, Data: s.v})
			continue
		}
		blocks := []int{len(s.mMax)}
		out = append(out,
			Tensor{Name: p.Name + ".state1", Shape: p.Shape, Codes: s.m8}, Tensor{Name: p.Name + ".absmax1", Shape: blocks, Data: s.mMax},
			Tensor{Name: p.Name + ".state2", Shape: p.Shape, Codes: s.v8}, Tensor{Name: p.Name + ".absmax2", Shape: blocks, Data: s.vMax})
	}
	return out
}

// Resume says that the moments are those after so many steps.
func (a *AdamW8) Resume(steps int) { a.steps = steps }
