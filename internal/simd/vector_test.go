package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// specials are the values that vectors of the tests hold now and then.
var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -0x1p-130, 0x1p-126,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 88.72283, 88.7228394, -103.97, -87.4, -104.5, 0.34657359,
}

const guard = 0x1.abcdep+7 // a word that no kernel may change

// A vector is a slice at an alignment of its own, between guard words.
type vector struct {
	all []float32
	v   []float32
}

func newVector(n, align int, fill func() float32) vector {
	a := make([]float32, n+align+16)
	for i := range a {
		a[i] = guard
	}
	x := vector{a, a[align+8 : align+8+n : align+8+n]}
	for i := range x.v {
		x.v[i] = fill()
	}
	return x
}

func (x vector) clone() vector {
	a := append([]float32(nil), x.all...)
	from := len(x.all) - 8 - len(x.v)
	return vector{a, a[from : len(a)-8 : len(a)-8]}
}

func (x vector) intact(t *testing.T, what string) {
	t.Helper()
	from := len(x.all) - 8 - len(x.v)
	for i, g := range x.all {
		if (i < from || i >= from+len(x.v)) && g != guard {
			t.Fatalf("%s: wrote to element %d", what, i-from)
		}
	}
}

// vectorKernels call one kernel of a set each, on five vectors and some scalars, and return its scalar results.
var vectorKernels = []struct {
	name string
	call func(k *kernels, v [5][]float32, a [8]float32) []float64
}{
	{"dot", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { return results(k.dot(v[0], v[1])) }},
	{"max", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { return results(k.max(v[0])) }},
	{"axpy", func(k *kernels, v [5][]float32, a [8]float32) []float64 { k.axpy(v[0], a[0], v[1]); return nil }},
	{"scale", func(k *kernels, v [5][]float32, a [8]float32) []float64 { k.scale(v[0], a[0]); return nil }},
	{"add", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.add(v[0], v[1]); return nil }},
	{"addTo", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.addTo(v[0], v[1], v[2]); return nil }},
	{"addTo in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.addTo(v[1], v[0], v[1]); return nil }},
	{"mul", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.mul(v[0], v[1]); return nil }},
	{"mulAdd", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.mulAdd(v[0], v[1], v[2]); return nil }},
	{"rotate", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.rotate(v[0], v[1], v[2], v[3], a[0])
		return nil
	}},
	{"index", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		at := []float64{float64(k.index(v[0], a[0]))}
		for _, i := range []int{0, len(v[0]) / 2, len(v[0]) - 1} {
			if i >= 0 && i < len(v[0]) {
				at = append(at, float64(k.index(v[0], v[0][i])))
			}
		}
		return at
	}},
	{"adamw", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.adamw(v[0], v[1], v[2], v[3], &AdamW{a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]})
		return nil
	}},
	{"exp", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.exp(v[0], v[1]); return nil }},
	{"expSum", func(k *kernels, v [5][]float32, a [8]float32) []float64 { return results(k.expSum(v[0], v[1], a[0])) }},
	{"expSum in place", func(k *kernels, v [5][]float32, a [8]float32) []float64 { return results(k.expSum(v[0], v[0], a[0])) }},
	{"expScale", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.expScale(v[0], v[1], a[0], a[1])
		return nil
	}},
	{"expMoments", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		sum, dot, square := k.expMoments(v[0], v[1], a[0])
		return []float64{float64(sum), dot, square}
	}},
	{"expMoments in place", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		sum, dot, square := k.expMoments(v[0], v[0], a[0])
		return []float64{float64(sum), dot, square}
	}},
	{"softmaxGrad", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.softmaxGrad(v[0], v[1], v[2], a[0], a[1])
		return nil
	}},
	{"softmaxGrad in place", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.softmaxGrad(v[2], v[1], v[2], a[0], a[1])
		return nil
	}},
	{"swiglu", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.swiglu(v[0], v[1], v[2]); return nil }},
	{"swiglu in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.swiglu(v[0], v[0], v[1]); return nil }},
	{"swigluGrad", func(k *kernels, v [5][]float32, _ [8]float32) []float64 {
		k.swigluGrad(v[0], v[1], v[2], v[3], v[4])
		return nil
	}},
	{"swigluGrad in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 {
		k.swigluGrad(v[1], v[2], v[0], v[1], v[2])
		return nil
	}},
	{"silu", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.silu(v[0], v[1]); return nil }},
	{"siluGrad", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.siluGrad(v[0], v[1], v[2]); return nil }},
	{"siluGrad in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.siluGrad(v[0], v[1], v[1]); return nil }},
	{"geluTanh", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.geluTanh(v[0], v[1]); return nil }},
	{"geluTanhGrad", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.geluTanhGrad(v[0], v[1], v[2]); return nil }},
	{"geluTanhGrad in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.geluTanhGrad(v[0], v[1], v[0]); return nil }},
	{"gelu", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.gelu(v[0], v[1]); return nil }},
	{"geluGrad", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.geluGrad(v[0], v[1], v[2]); return nil }},
	{"geluGrad in place", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { k.geluGrad(v[0], v[1], v[1]); return nil }},
	{"softCap", func(k *kernels, v [5][]float32, a [8]float32) []float64 { k.softCap(v[0], nil, a[0]); return nil }},
	{"softCap and slopes", func(k *kernels, v [5][]float32, a [8]float32) []float64 { k.softCap(v[0], v[1], a[0]); return nil }},
	{"sum64", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { return []float64{k.sum64(v[0])} }},
	{"sumSq", func(k *kernels, v [5][]float32, _ [8]float32) []float64 { return []float64{k.sumSq(v[0], 0)} }},
	{"sumSq from a mean", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		return []float64{k.sumSq(v[0], float64(a[0])/3)}
	}},
	{"normalize", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.normalize(v[0], v[1], v[2], nil, math.Copysign(0, -1), 0, float64(a[0])/3)
		return nil
	}},
	{"normalize and shift in place", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.normalize(v[1], v[1], v[2], v[3], 1, float64(a[0])/7, float64(a[1])/3)
		return nil
	}},
	{"normSums", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		return results(k.normSums(v[0], v[1], v[2], nil, nil, a[0], a[1], a[2]))
	}},
	{"normSums with dg", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		return results(k.normSums(v[0], v[1], v[2], v[3], nil, a[0], a[1], a[2]))
	}},
	{"normSums with dg and db", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		return results(k.normSums(v[0], v[1], v[2], v[3], v[4], a[0], a[1], a[2]))
	}},
	{"normGrad", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.normGrad(v[0], v[1], v[2], a[0], a[1], a[2], a[3], true)
		return nil
	}},
	{"normGrad in place", func(k *kernels, v [5][]float32, a [8]float32) []float64 {
		k.normGrad(v[0], v[0], v[2], a[0], a[1], a[2], a[3], false)
		return nil
	}},
}

func results(f ...float32) (wide []float64) {
	for _, f := range f {
		wide = append(wide, float64(f))
	}
	return wide
}

// TestVectorTwins compares every set of kernels with the portable one: the same bits, and nothing written beyond the ends.
func TestVectorTwins(t *testing.T) {
	sources := []struct {
		name string
		fill func(r *rand.Rand) float32
	}{
		{"normal", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) }},
		{"wide", func(r *rand.Rand) float32 { return float32(r.NormFloat64() * math.Pow(2, float64(r.IntN(24)-16))) }},
		{"special", func(r *rand.Rand) float32 { return specials[r.IntN(len(specials))] }},
		{"any", func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32()) }},
	}
	for _, l := range available()[1:] {
		k := tableOf(l)
		for _, c := range vectorKernels {
			t.Run(string(l)+"/"+c.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, 4))
				for n := range 258 {
					for align := range 8 {
						src := sources[(n+align)%len(sources)]
						fill := func() float32 { return src.fill(r) }
						var got, want [5]vector
						var gotV, wantV [5][]float32
						for i := range got {
							got[i] = newVector(n, (align+i)%8, fill)
							want[i] = got[i].clone()
							gotV[i], wantV[i] = got[i].v, want[i].v
						}
						var a [8]float32
						for i := range a {
							a[i] = fill()
						}
						what := fmt.Sprintf("n=%d align=%d %s", n, align, src.name)
						w := c.call(&generic, wantV, a)
						g := c.call(k, gotV, a)
						for i := range w {
							if math.Float64bits(g[i]) != math.Float64bits(w[i]) && (g[i] == g[i] || w[i] == w[i]) {
								t.Fatalf("%s: result %d is %v, want %v", what, i, g[i], w[i])
							}
						}
						for i := range got {
							diff(t, fmt.Sprintf("%s vector %d", what, i), gotV[i], wantV[i])
							got[i].intact(t, what)
						}
					}
				}
			})
		}
	}
}

// TestReductions spells out the lanes and the tree, and the padding of the last group.
func TestReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 15, 16, 17, 31, 33, 576, 1001} {
			a, b, exp := normals(r, n), normals(r, n), make([]float32, n)
			got := ExpSum(exp, a, 0.5)
			var dot, sum [16]float32
			var squares [16]float64
			for i := range n {
				l := i % 16
				dot[l] = fma(a[i], b[i], dot[l])
				squares[l] += float64(a[i]) * float64(a[i])
				sum[l] += exp[i]
			}
			tree := func(s [16]float32) float32 {
				var e [8]float32
				for l := range e {
					e[l] = s[l] + s[l+8]
				}
				return ((e[0] + e[4]) + (e[2] + e[6])) + ((e[1] + e[5]) + (e[3] + e[7]))
			}
			diff(t, fmt.Sprintf("n=%d", n), []float32{Dot(a, b), got}, []float32{tree(dot), tree(sum)})
			var e [8]float64
			for l := range e {
				e[l] = squares[l] + squares[l+8]
			}
			if got, want := SumSq(a), ((e[0]+e[4])+(e[2]+e[6]))+((e[1]+e[5])+(e[3]+e[7])); got != want {
				t.Errorf("n=%d: SumSq is %v, want %v", n, got, want)
			}
		}
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, c := range []struct {
			a    []float32
			want float32
		}{{nil, -inf}, {[]float32{nan, -3, nan}, -3}, {[]float32{nan}, -inf}, {[]float32{-1, inf}, inf}, {[]float32{-2, -7}, -2}} {
			if got := Max(c.a); got != c.want {
				t.Errorf("Max(%v) = %v, want %v", c.a, got, c.want)
			}
		}
	})
}

func TestWiden(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	eachLevel(t, func(t *testing.T) {
		got, want := make([]float32, len(all)), make([]float32, len(all))
		Widen(got, F16, all)
		for i := range want {
			e, f := i>>10&31, float64(i&1023)
			x := math.Ldexp(1+f/1024, e-15)
			if e == 0 {
				x = math.Ldexp(f, -24)
			} else if e == 31 {
				if x = math.Inf(1); f != 0 {
					x = math.NaN()
				}
			}
			want[i] = float32(math.Copysign(x, float64(1-i>>15*2)))
		}
		diff(t, "half", got, want)
		Widen(got, BF16, all)
		for i := range want {
			want[i] = math.Float32frombits(uint32(i) << 16)
		}
		diff(t, "bfloat16", got, want)
		for n := range 40 { // tails
			v := newVector(n, n%8, func() float32 { return 0 })
			Widen(v.v, F16, all[15000:15000+n])
			v.intact(t, "half")
			Widen(v.v, BF16, all[:n])
			v.intact(t, "bfloat16")
		}
	})
}

// Codes of four bits widen to their values times their scale, wherever a piece begins and ends.
func TestWidenCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	eachLevel(t, func(t *testing.T) {
		for range 300 {
			n := 1 + r.IntN(400)
			c := randomCodes(r, n)
			from := r.IntN(n)
			to := from + 1 + r.IntN(n-from)
			want := make([]float32, to-from)
			for i := range want {
				code := c.Data[(from+i)/2] & 15
				if (from+i)%2 == 0 {
					code = c.Data[(from+i)/2] >> 4
				}
				want[i] = c.Values[code] * c.Scales[(from+i)/c.Run]
			}
			got := newVector(to-from, r.IntN(8), func() float32 { return 0 })
			o := Operand{Type: Code4, Codes: c, Rows: 1, Cols: n, Stride: n}.Block(0, 1, from, to-from)
			o.Row(got.v, 0)
			diff(t, "codes", got.v, want)
			got.intact(t, "codes")
		}
	})
}

func TestLengthsAreChecked(t *testing.T) {
	three, two := make([]float32, 3), make([]float32, 2)
	for name, f := range map[string]func(){
		"Dot":         func() { Dot(three, two) },
		"Exp":         func() { Exp(three, two) },
		"ExpSum":      func() { ExpSum(two, three, 0) },
		"Axpy":        func() { Axpy(two, 1, three) },
		"SoftmaxStep": func() { SoftmaxStep(three, []Range{{0, 3}, {0, 1}}, two, two, nil) },
		"a Range":     func() { SoftmaxStep(three, []Range{{1, 4}}, two[:1], two[:1], nil) },
		"Add":         func() { Add(two, three) },
		"Mul":         func() { Mul(two, three) },
		"MulAdd":      func() { MulAdd(two, two, three) },
		"SwiGLU":      func() { SwiGLU(two, three, two) },
		"SwiGLUGrad":  func() { SwiGLUGrad(two, two, two, two, three) },
		"Widen":       func() { Widen(three, BF16, make([]uint16, 2)) },
		"Codes": func() {
			c := &Codes{Data: make([]byte, 2), Values: new([16]float32), Scales: two, Run: 1}
			GemmSeq(new(Workspace), three, 1, Operand{Type: Code4, Codes: c, Rows: 3, Cols: 1, Stride: 1}, Matrix(two, 1, 1), false)
		},
		"GemmSeq": func() { GemmSeq(new(Workspace), three, 1, Matrix(three, 3, 1), Matrix(two, 2, 1), false) },
		"C":       func() { GemmSeq(new(Workspace), two, 1, Matrix(three, 3, 1), Matrix(two, 1, 1), false) },
		"A":       func() { GemmSeq(new(Workspace), three, 1, Matrix(two, 3, 1), Matrix(two, 1, 1), false) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
