package simd

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"math"
	"slices"
	"testing"
)

// classDigest is the digest of what the kernels of class fma16/2 compute from the inputs below. Who changes a bit of it makes another class:
// caches made before no longer match.
const classDigest = 0x7c595714eec0cc0c

// rowsDigest is that of the kernels of rows, in TestClassOfRows.
const rowsDigest = 0xa06cfd1c6cf56e32

// newDigest returns a hash, a writer to it, and a source of numbers.
func newDigest() (h hash.Hash64, write func(f ...float32), numbers func(n int) []float32) {
	h = fnv.New64a()
	write = func(f ...float32) {
		for _, x := range f {
			binary.Write(h, binary.LittleEndian, math.Float32bits(x))
		}
	}
	state := uint32(1)
	numbers = func(n int) []float32 { // in (-4, 4), by a congruential generator (Numerical Recipes, §7.1)
		f := make([]float32, n)
		for i := range f {
			state = state*1664525 + 1013904223
			f[i] = float32(int32(state)) * 0x1p-29
		}
		return f
	}
	return h, write, numbers
}

// TestClass pins the bits of every kernel, on every level and architecture.
func TestClass(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		h, write, numbers := newDigest()
		const n = 333
		a, b, c, d, e := numbers(n), numbers(n), numbers(n), numbers(n), numbers(n)
		write(Dot(a, b), Dot(a, slices.Repeat([]float32{1}, n)), float32(SumSq(b)), Max(c), ExpSum(e, a, 3), Exp1(a[0]), Log1(a[1]*a[1]))
		write(e...)
		Exp(c, a)
		Axpy(c, 0.1, b)
		MulAdd(c, a, b)
		Mul(d, c)
		Add(d, a)
		Scale(d, 1./3)
		write(d...)
		SwiGLU(e, a, d)
		write(e...)
		SwiGLUGrad(c, d, b, a, e)
		write(c...)
		write(d...)
		x, y := Matrix(numbers(37*401), 37, 401), Matrix(numbers(53*401), 53, 401)
		product := numbers(37 * 53)
		var w Workspace
		GemmSeq(&w, product, 53, x, y.T(), true)
		write(product...)
		for i := range 100 {
			s, c := SinCos(float64(i*i) * Exp64(-float64(i)/64*Log(10000)))
			binary.Write(h, binary.LittleEndian, []float64{s, c})
		}
		if got := h.Sum64(); got != classDigest {
			t.Errorf("digest %#x, want %#x", got, uint64(classDigest))
		}
	})
}

// TestClassOfRows pins the bits of what works on a row of a layer, a tile of the head or a parameter.
func TestClassOfRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		h, write, numbers := newDigest()
		const n = 333
		x, y, g, b := numbers(n), numbers(n), numbers(n), numbers(n)
		into := func(f func(y, slope []float32)) {
			y, slope := make([]float32, n), make([]float32, n)
			f(y, slope)
			write(y...)
			write(slope...)
		}
		for _, f := range []func(y, slope, x []float32){SiLUGrad, GELUTanhGrad, GELUGrad} {
			into(func(y, slope []float32) { f(y, slope, x) })
		}
		for _, f := range []func(y, x []float32){SiLU, GELUTanh, GELU} {
			into(func(y, slope []float32) { f(y, x); AddTo(slope, y, x) })
		}
		into(func(y, slope []float32) { copy(y, x); SoftCap(y, slope, 1.5) })
		into(func(p, ds []float32) { copy(ds, y); SoftmaxGrad(p, ds, x, 3, 0.25) })
		into(func(e, scaled []float32) {
			sum, dot, square := ExpMoments(e, x, 3)
			write(sum, float32(dot), float32(square), float32(Sum64(x)), float32(SumSqFrom(x, 0.1)), float32(Index(x, x[77])))
			ExpScale(scaled, x, 3, -0.7)
		})
		into(func(a, b []float32) { copy(a, x); copy(b, y); Rotate(a, b, g, x, -1) })
		into(func(y, z []float32) {
			Normalize(y, x, g, nil, math.Copysign(0, -1), 0, 1.3)
			Normalize(z, x, g, b, 1, 0.1, 1.3)
		})
		into(func(dg, db []float32) {
			u, dx := append([]float32(nil), y...), append([]float32(nil), b...)
			write(NormSums(u, x, g, dg, db, 1, 0.1, 1.3))
			NormGrad(dx, u, x, 1.3, 0.2, 0.3, 0.1, true)
			write(dx...)
		})
		into(func(m, v []float32) {
			f := AdamW{Scale: 0.5, Blend1: 0.1, Beta2: 0.999, Blend2: 0.001, Root: 0.3, Epsilon: 1e-8, Keep: 0.99, Rate: -1e-3}
			f.Step(x, y, m, v)
			f.Step(x, b, m, v)
			write(x...)
			write(y...)
		})
		if got := h.Sum64(); got != rowsDigest {
			t.Errorf("digest %#x, want %#x", got, uint64(rowsDigest))
		}
	})
}
