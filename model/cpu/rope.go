package cpu

import (
	"math"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A rotary turns pairs of elements of queries and keys by angles that grow with the position (Su et al. 2021), in the layout of
// transformers: element i is paired with element i + D/2.
type rotary struct {
	inverse  []float32 // (D/2) inverse frequencies
	cos, sin []float32 // (positions, D/2), grown on demand
}

func newRotary(c *model.Config) *rotary {
	return &rotary{inverse: inverseFrequencies(c.Rope, c.HeadDim)}
}

// inverseFrequencies returns θ^(−2i/D), scaled as the configuration says, in the float32 steps of transformers'
// modeling_rope_utils.py.
func inverseFrequencies(r model.Rope, dim int) []float32 {
	out := make([]float32, dim/2)
	for i := range out {
		exponent := float32(2*i) / float32(dim)
		f := 1 / float32(power(r.Theta, exponent))
		switch r.Type {
		case "linear":
			f /= float32(r.Factor)
		case "llama3":
			f = llama3(r, f)
		}
		out[i] = f
	}
	return out
}

// llama3 lowers a frequency whose wave is long beside the original context, leaves a short one, and blends between (Llama 3.1).
func llama3(r model.Rope, f float32) float32 {
	context := float32(r.OriginalMaxPositions)
	low, high := float32(r.LowFreqFactor), float32(r.HighFreqFactor)
	wave := float32(2*math.Pi) / f
	switch {
	case wave > context/low:
		return f / float32(r.Factor)
	case wave < context/high:
		return f
	}
	blend := (context/wave - low) / (high - low)
	return float32((1-blend)*f)/float32(r.Factor) + float32(blend*f)
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

// grow extends the tables to n positions. An angle is rounded to float32 before its cosine is taken, as in transformers.
func (r *rotary) grow(n int) {
	for pos := len(r.cos) / len(r.inverse); pos < n; pos++ {
		for _, f := range r.inverse {
			s, c := simd.SinCos(float64(float32(pos) * f))
			r.cos = append(r.cos, float32(c))
			r.sin = append(r.sin, float32(s))
		}
	}
}

// A turn is the direction of a rotation: backwards is its gradient.
type turn float32

const (
	forwards  turn = 1
	backwards turn = -1
)

// rotate turns the heads of a row at a position:
//
//	x[i], x[i+D/2] = x[i]·cos − x[i+D/2]·sin, x[i+D/2]·cos + x[i]·sin
//
// row is (heads, D).
func (r *rotary) rotate(row []float32, pos int32, t turn) {
	half := len(r.inverse)
	cos, sin := r.cos[int(pos)*half:][:half], r.sin[int(pos)*half:][:half]
	for ; len(row) > 0; row = row[2*half:] {
		a, b := row[:half], row[half:2*half]
		for i, c := range cos {
			s := float32(t) * sin[i]
			x, y := a[i], b[i]
			a[i] = float32(x*c) - float32(y*s)
			b[i] = float32(y*c) + float32(x*s)
		}
	}
}
