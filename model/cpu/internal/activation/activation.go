package activation

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
)

// A Func is an activation a(x) and its derivative.
type Func struct {
	silu bool
	// values sets y to a(x), slopes y to a'(x); y is not x.
	values, slopes func(y, x []float32)
}

// Of returns an activation. It panics for a name that model has no constant for.
func Of(a model.Activation) Func {
	switch a {
	case model.SiLU:
		return Func{silu: true, values: siluValues, slopes: siluSlopes}
	case model.GELUTanh:
		return Func{values: geluTanhValues, slopes: geluTanhSlopes}
	}
	f, ok := scalars[a]
	if !ok {
		panic(fmt.Sprintf("activation: there is no %q", a))
	}
	return Func{
		values: func(y, x []float32) { each(y, x, f.value) },
		slopes: func(y, x []float32) { each(y, x, f.slope) },
	}
}

func each(y, x []float32, f func(float64) float64) {
	for i, v := range x {
		y[i] = float32(f(float64(v)))
	}
}

// piece is how many elements are computed at a time, in memory of the caller's stack.
const piece = 256

// Gated sets dst to a(gate)∘up. dst may be gate or up.
func (f Func) Gated(dst, gate, up []float32) {
	if f.silu {
		simd.SwiGLU(dst, gate, up)
		return
	}
	var room [piece]float32
	for len(gate) > 0 {
		n := min(piece, len(gate))
		a := room[:n]
		f.values(a, gate[:n])
		for i, u := range up[:n] {
			dst[i] = a[i] * u
		}
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
}

// GatedGrad sets dgate and dup, given the gradient dout of Gated's result:
//
//	dup = dout∘a(gate)    dgate = dout∘up∘a'(gate)
//
// dgate and dup may be any of the others.
func (f Func) GatedGrad(dgate, dup, dout, gate, up []float32) {
	if f.silu {
		simd.SwiGLUGrad(dgate, dup, dout, gate, up)
		return
	}
	var values, slopes [piece]float32
	for len(gate) > 0 {
		n := min(piece, len(gate))
		f.values(values[:n], gate[:n])
		f.slopes(slopes[:n], gate[:n])
		for i := range n {
			d, u := dout[i], up[i]
			dup[i] = d * values[i]
			dgate[i] = float32(d*u) * slopes[i]
		}
		dgate, dup, dout, gate, up = dgate[n:], dup[n:], dout[n:], gate[n:], up[n:]
	}
}

// Plain sets dst to a(x). dst is not x.
func (f Func) Plain(dst, x []float32) { f.values(dst, x) }

// PlainGrad sets dx to dout∘a'(x). dx may be dout.
func (f Func) PlainGrad(dx, dout, x []float32) {
	var slopes [piece]float32
	for len(x) > 0 {
		n := min(piece, len(x))
		f.slopes(slopes[:n], x[:n])
		for i, s := range slopes[:n] {
			dx[i] = dout[i] * s
		}
		dx, dout, x = dx[n:], dout[n:], x[n:]
	}
}

// sigmoids sets s to σ(x).
func sigmoids(s, x []float32) {
	for i, v := range x {
		s[i] = -v
	}
	simd.Exp(s, s)
	for i, e := range s {
		s[i] = 1 / (1 + e)
	}
}

func siluValues(y, x []float32) {
	sigmoids(y, x)
	for i, v := range x {
		y[i] *= v
	}
}

// a' = σ·(1 + x·(1 − σ))
func siluSlopes(y, x []float32) {
	sigmoids(y, x)
	for i, v := range x {
		s := y[i]
		y[i] = s * (1 + float32(v*(1-s)))
	}
}

// The GELU with tanh is x·σ(u), u = c·(x + k·x³) (Hendrycks and Gimpel 2016).
const (
	geluC = 1.5957691216057308 // 2·√(2/π)
	geluK = 0.044715
)

// argument returns u.
func argument(x float32) float32 {
	return geluC * float32(x*(1+float32(float32(geluK*x)*x)))
}

func geluTanhValues(y, x []float32) {
	for i, v := range x {
		y[i] = argument(v)
	}
	sigmoids(y, y)
	for i, v := range x {
		y[i] *= v
	}
}

// a' = σ·(1 + x·u'·(1 − σ)), u' = c·(1 + 3k·x²)
func geluTanhSlopes(y, x []float32) {
	for i, v := range x {
		y[i] = argument(v)
	}
	sigmoids(y, y)
	for i, v := range x {
		s := y[i]
		slope := geluC * (1 + float32(float32(3*geluK*v)*v))
		y[i] = s * (1 + float32(float32(v*slope)*(1-s)))
	}
}
