package norm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/simd"
	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/parallel"
)

var kinds = []model.NormKind{model.RMSNorm, model.RMSNormOnePlus, model.LayerNorm}

func normals(r *rand.Rand, n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(r.NormFloat64())
	}
	return f
}

func newNorm(r *rand.Rand, kind model.NormKind, width int, bias bool) *Norm {
	n := &Norm{Kind: kind, Eps: 1e-5, G: normals(r, width), DG: make([]float32, width)}
	if bias {
		n.B, n.DB = normals(r, width), make([]float32, width)
	}
	return n
}

// formula is the norm of one vector in float64.
func formula(n *Norm, x, g, b []float64) []float64 {
	size, mean, square := float64(len(x)), 0., 0.
	if n.Kind == model.LayerNorm {
		for _, x := range x {
			mean += x / size
		}
	}
	for _, x := range x {
		square += (x - mean) * (x - mean) / size
	}
	y := make([]float64, len(x))
	for j, x := range x {
		w := g[j]
		if n.Kind == model.RMSNormOnePlus {
			w++
		}
		y[j] = (x - mean) / math.Sqrt(square+n.Eps) * w
		if b != nil {
			y[j] += b[j]
		}
	}
	return y
}

func wide(f []float32) (w []float64) {
	for _, v := range f {
		w = append(w, float64(v))
	}
	return w
}

// TestNorm holds both passes to the formula in float64, the backward pass by central differences, over vectors that lie side by side in rows.
func TestNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pool := simd.NewPool(2)
	defer pool.Close()
	threads := parallel.New(pool)
	for _, kind := range kinds {
		for _, width := range []int{1, 5, 16, 37, 64} {
			for _, bias := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s width=%d bias=%t", kind, width, bias), func(t *testing.T) {
					n := newNorm(r, kind, width, bias)
					v := Vectors{N: 46, Per: 2, Width: width, Stride: 3*width + 5, At: 3, Step: width + 1}
					buffer := v.N / v.Per * v.Stride
					x, dy := normals(r, buffer), normals(r, buffer)
					y := make([]float32, buffer)
					n.Forward(threads, y, x, v)
					dx := normals(r, buffer)
					was := slices.Clone(dx)
					n.Backward(threads, dx, slices.Clone(dy), x, v)
					dg, db := make([]float64, width), make([]float64, width)
					g, b := wide(n.G), wide(n.B)
					near := func(what string, got float32, want, size float64) {
						t.Helper()
						if math.Abs(float64(got)-want) > 1e-5*(size+1) {
							t.Fatalf("%s is %v, want %v", what, got, want)
						}
					}
					for i := range v.N {
						xi, dyi := wide(v.of(x, i)), wide(v.of(dy, i))
						loss := func() (sum float64) {
							for j, y := range formula(n, xi, g, b) {
								sum += y * dyi[j]
							}
							return sum
						}
						slope := func(at *float64) float64 {
							const h = 1e-5
							old := *at
							*at = old + h
							up := loss()
							*at = old - h
							down := loss()
							*at = old
							return (up - down) / (2 * h)
						}
						for j, want := range formula(n, xi, g, b) {
							near("y", v.of(y, i)[j], want, math.Abs(want)/100)
							want := slope(&xi[j])
							near("dx", v.of(dx, i)[j], want+float64(v.of(was, i)[j]), math.Abs(want))
							dg[j] += slope(&g[j])
							if bias {
								db[j] += dyi[j]
							}
						}
					}
					for j := range dg {
						near("dg", n.DG[j], dg[j], 50)
						if bias {
							near("db", n.DB[j], db[j], 50)
						}
					}
				})
			}
		}
	}
}

// Neither the threads nor the vectors beside it change a bit of a vector's results, nor the threads one of the weights' gradients. A dx that is
// dy is replaced by what is added to another, and frozen weights change nothing else.
func TestNormIsTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const rows, width = 301, 70
	for _, kind := range kinds {
		n := newNorm(r, kind, width, kind == model.LayerNorm)
		x, dy := normals(r, rows*width), normals(r, rows*width)
		var first [][]float32
		for _, count := range []int{1, 2, 3, 7} {
			pool := simd.NewPool(count)
			threads := parallel.New(pool)
			clear(n.DG)
			clear(n.DB)
			y, dx, replaced := make([]float32, len(x)), make([]float32, len(x)), slices.Clone(dy)
			n.Forward(threads, y, x, Rows(rows, width))
			n.Backward(threads, dx, slices.Clone(dy), x, Rows(rows, width))
			all := [][]float32{y, dx, slices.Clone(n.DG), slices.Clone(n.DB)}
			if first == nil {
				first = all
			}
			if !slices.EqualFunc(all, first, slices.Equal) {
				t.Errorf("%s: %d threads give other bits", kind, count)
			}
			frozen := Norm{Kind: n.Kind, Eps: n.Eps, G: n.G, B: n.B}
			frozen.Backward(threads, replaced, replaced, x, Rows(rows, width))
			one := make([]float32, width)
			frozen.Forward(threads, one, x[17*width:18*width], Rows(1, width))
			if !slices.Equal(replaced, dx) || !slices.Equal(one, y[17*width:][:width]) {
				t.Errorf("%s: a frozen norm or a single row gives other bits", kind)
			}
			pool.Close()
		}
	}
}
