package rotary

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A Table holds the cosines and sines of every position so far.
type Table struct {
	inverse  []float32 // (n/2) inverse frequencies
	scale    float32   // what cosines and sines are multiplied with
	cos, sin []float32 // (positions, n/2), grown on demand
}

// New returns the table of a rotary embedding for heads of dim elements, or nil where there is none.
func New(r model.Rope, dim int) *Table {
	if r.Type == "none" {
		return nil
	}
	if r.Dim != 0 {
		dim = r.Dim
	}
	t := &Table{inverse: frequencies(r, dim), scale: 1}
	if r.Type == "yarn" {
		t.scale = float32(r.AttentionFactor)
	}
	return t
}

// Grow extends the table to n positions. An angle is rounded to float32 before its cosine is taken, as in transformers.
func (t *Table) Grow(n int) {
	for pos := len(t.cos) / len(t.inverse); pos < n; pos++ {
		for _, f := range t.inverse {
			s, c := simd.SinCos(float64(float32(pos) * f))
			t.cos = append(t.cos, float32(float32(c)*t.scale))
			t.sin = append(t.sin, float32(float32(s)*t.scale))
		}
	}
}

// A Turn is the direction of a rotation: Backwards is its gradient.
type Turn float32

// The directions.
const (
	Forwards  Turn = 1
	Backwards Turn = -1
)

// Rotate turns a head at a position:
//
//	x[i], x[i+n/2] = x[i]·cos − x[i+n/2]·sin, x[i+n/2]·cos + x[i]·sin
func (t *Table) Rotate(head []float32, pos int32, turn Turn) {
	half := len(t.inverse)
	cos, sin := t.cos[int(pos)*half:][:half], t.sin[int(pos)*half:][:half]
	simd.Rotate(head[:half], head[half:2*half], cos, sin, float32(turn))
}

// frequencies returns θ^(−2i/dim), scaled as the configuration says, in the float32 steps of transformers' modeling_rope_utils.py.
func frequencies(r model.Rope, dim int) []float32 {
	out := make([]float32, (dim+1)/2)
	var ramp ramp
	if r.Type == "yarn" {
		ramp = newRamp(r, dim)
	}
	for i := range out {
		wave := float32(power(r.Theta, float32(2*i)/float32(dim)))
		f := 1 / wave
		switch r.Type {
		case "linear":
			f /= float32(r.Factor)
		case "llama3":
			f = llama3(r, f)
		case "yarn":
			e := 1 - ramp.at(i)
			f = float32(1/float32(float32(r.Factor)*wave)*(1-e)) + float32(f*e)
		}
		out[i] = f
	}
	return out
}

// llama3 lowers a frequency whose wave is long beside the original context, leaves a short one, and blends between (Llama 3.1).
func llama3(r model.Rope, f float32) float32 {
	context := float64(r.OriginalMaxPositions)
	low, high := float32(r.LowFreqFactor), float32(r.HighFreqFactor)
	wave := float32(2*math.Pi) / f
	switch {
	case wave > float32(context/r.LowFreqFactor):
		return f / float32(r.Factor)
	case wave < float32(context/r.HighFreqFactor):
		return f
	}
	blend := (float32(context)/wave - low) / (high - low)
	return float32((1-blend)*f)/float32(r.Factor) + float32(blend*f)
}

// A ramp rises from 0 at low to 1 at high: the share of a frequency that is interpolated.
type ramp struct{ low, high float32 }

// newRamp returns YaRN's bounds (Peng et al. 2023, section 3.2): the places in the head whose waves make BetaFast and BetaSlow turns over
// the original context.
func newRamp(r model.Rope, dim int) ramp {
	place := func(turns float64) float64 {
		return float64(dim) * simd.Log(float64(r.OriginalMaxPositions)/float64(turns*2*math.Pi)) / float64(2*simd.Log(r.Theta))
	}
	low, high := place(r.BetaFast), place(r.BetaSlow)
	if !r.Unrounded {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(dim-1))
	if low == high {
		high += 0.001
	}
	return ramp{float32(low), float32(high)}
}

func (r ramp) at(i int) float32 {
	return min(max((float32(i)-r.low)/(r.high-r.low), 0), 1)
}

// power returns base^x for 0 <= x < 1 by the binary digits of x: base^(1/2)·base^(1/4)·… where a digit is set. Square roots and
// products are exactly rounded everywhere, so the result is the same bits on every machine, which math.Pow does not promise.
func power(base float64, x float32) float64 {
	product, root := 1.0, base
	for rest := float64(x); rest > 0; {
		root = math.Sqrt(root)
		rest *= 2
		if rest >= 1 {
			rest--
			product *= root
		}
	}
	return product
}
