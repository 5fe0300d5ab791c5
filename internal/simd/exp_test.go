package simd

import (
	"flag"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestFMA holds fma against exact arithmetic.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	exact := func(a, b, c float32) float32 {
		x := new(big.Float).SetPrec(2000).SetFloat64(float64(a))
		x.Mul(x, new(big.Float).SetFloat64(float64(b)))
		x.Add(x, new(big.Float).SetFloat64(float64(c)))
		f, _ := x.Float32()
		return f
	}
	finite := func() float32 {
		for {
			if f := math.Float32frombits(r.Uint32()); f-f == 0 {
				return f
			}
		}
	}
	check := func(a, b, c float32) {
		t.Helper()
		if got, want := fma(a, b, c), exact(a, b, c); got != want {
			t.Fatalf("fma(%b, %b, %b) = %b, want %b", a, b, c, got, want)
		}
	}
	// Half a unit of c's last place, times 1 - 2^-46: the sum rounded to float64 is halfway between two float32s, the true one is not.
	for i := range 100 {
		c := float32(math.Ldexp(1+float64(r.IntN(1<<20))*0x1p-23, i-50))
		half := float32(math.Ldexp(0x1p-24, i-50))
		check(1+0x1p-23, (1-0x1p-23)*half, c)
		check(-1-0x1p-23, (1-0x1p-23)*half, c)
		check(1+0x1p-23, (1-0x1p-23)*half, -c)
		check(-1-0x1p-23, (1-0x1p-23)*half, -c)
	}
	for range 50_000 {
		check(finite(), finite(), finite())
		a, b := float32(r.NormFloat64()), float32(r.IntN(1<<12))
		check(a, b, float32(-float64(a)*float64(b)))                       // cancellation
		check(0x1p-12*b, 0x1p-13*b, 1+float32(r.IntN(1<<20))*0x1p-23)      // near halfway
		check(0x1p-70*a, 0x1p-70*float32(r.NormFloat64()), 0x1p-140*b)     // subnormal
		check(0x1p-75, 0x1p-74*b, 1+float32(r.IntN(1<<20))*0x1p-23)        // sticky only
		check(0x1p12*a, 0x1p12+b, 0x1p24*float32(r.IntN(1<<20)-1<<19)+0.5) // carries
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range [][4]float32{{inf, 1, 1, inf}, {inf, 0, 1, nan}, {inf, 1, -inf, nan}, {nan, 1, 1, nan}, {math.MaxFloat32, 2, 0, inf}, {0, -1, 0, 0}} {
		if got := fma(c[0], c[1], c[2]); !sameBits(got, c[3]) {
			t.Errorf("fma(%v) = %v", c, got)
		}
	}
}

// ulps returns how far got is from want in units in the last place of a float32 of want's size.
func ulps(got float32, want float64) float64 {
	_, e := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(e-24, -149))
}

var every = flag.Bool("every", false, "measure the error of Exp over all float32s")

// TestExpError measures a sample of all float32s of the range, or all of them with -every.
func TestExpError(t *testing.T) {
	step := uint32(997)
	if *every {
		step = 1
	}
	worst, at := 0., float32(0)
	var x, y [4096]float32
	for u := uint32(0); u < 0x42d00000; {
		for i := range x {
			x[i] = math.Float32frombits(u)
			if i%2 > 0 {
				x[i] = -x[i]
				u += step
			}
		}
		Exp(y[:], x[:])
		for i, y := range y {
			if want := math.Exp(float64(x[i])); want < math.MaxFloat32 {
				if e := ulps(y, want); e > worst {
					worst, at = e, x[i]
				}
			}
		}
	}
	t.Logf("worst error %.4f ulp, at %v", worst, at)
	if worst > 0.93 {
		t.Errorf("error of Exp1(%v) is %.4f ulp", at, worst)
	}
}

func TestExpValues(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct{ x, want float32 }{
		{0, 1}, {-0x1p-149, 1}, {inf, inf}, {-inf, 0}, {89, inf}, {1e30, inf}, {-104, 0}, {-1e30, 0}, {float32(math.NaN()), float32(math.NaN())},
		{88.72283, 3.4027985e38}, {-103.97207, 1e-45},
	} {
		if got := Exp1(c.x); !sameBits(got, c.want) {
			t.Errorf("Exp1(%v) = %v, want %v", c.x, got, c.want)
		}
	}
}

func TestLog(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ x, want float32 }{{1, 0}, {0, -inf}, {-1, nan}, {nan, nan}, {inf, inf}, {math.E, 0.99999994}, {math.SmallestNonzeroFloat32, -103.27893}} {
		if got := Log1(c.x); !sameBits(got, c.want) {
			t.Errorf("Log1(%v) = %v, want %v", c.x, got, c.want)
		}
	}
	for u := uint32(1); u < 0x7f800000; u += 7919 {
		x := math.Float32frombits(u)
		if e := ulps(Log1(x), math.Log(float64(x))); e > 0.5000001 {
			t.Fatalf("error of Log1(%v) is %v ulp", x, e)
		}
	}
}

func TestSinCos(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	check := func(x float64) {
		t.Helper()
		s, c := SinCos(x)
		ws, wc := math.Sincos(x)
		if math.Abs(s-ws) > 3e-16 || math.Abs(c-wc) > 3e-16 {
			t.Fatalf("SinCos(%v) = %v, %v, want %v, %v", x, s, c, ws, wc)
		}
	}
	for i := range 100_000 {
		check(float64(i - 50_000))
		check(r.NormFloat64())
		check((r.Float64() - 0.5) * 0x1p27)
		check(float64(i) * math.Pi / 4)
	}
	if s, c := SinCos(math.Inf(1)); s == s || c == c {
		t.Errorf("SinCos(+Inf) = %v, %v", s, c)
	}
}

// TestExpTwins compares the levels' exponentials over a sample of all float32s, or all of them with -every: the power of two goes into a
// result by other instructions on each.
func TestExpTwins(t *testing.T) {
	step := uint64(997)
	if *every {
		step = 1
	}
	levels := available()
	if len(levels) == 1 {
		return
	}
	base := tableOf(levels[1]) // the portable one would take minutes; TestVectorTwins compares the two
	var x, want, got [4096]float32
	for u := uint64(0); u < 1<<32; {
		for i := range x {
			x[i] = math.Float32frombits(uint32(u))
			u += step
		}
		base.exp(want[:], x[:])
		for _, l := range levels[2:] {
			tableOf(l).exp(got[:], x[:])
			for i, g := range got {
				if math.Float32bits(g) != math.Float32bits(want[i]) && (g == g || want[i] == want[i]) {
					t.Fatalf("%s: Exp(%v) is %v, want %v", l, x[i], g, want[i])
				}
			}
		}
		if step > 1 && u < 1<<32 {
			expGeneric(got[:], x[:])
			diff(t, "portable", got[:], want[:])
		}
	}
}

// TestGELUError holds GELU and its derivative to math.Erfc over a sample of all float32s.
func TestGELUError(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		worst := 0.
		x, y, slope := make([]float32, 1), make([]float32, 1), make([]float32, 1)
		for u := uint64(0); u < 1<<32; u += 30011 {
			x[0] = math.Float32frombits(uint32(u))
			v := float64(x[0])
			if !(math.Abs(v) < 1e30) {
				continue
			}
			GELUGrad(y, slope, x)
			phi := math.Erfc(-v/math.Sqrt2) / 2
			e := ulps(y[0], v*phi)
			want := phi + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)
			if worst = max(worst, e); e > 0.50001 || math.Abs(float64(slope[0])-want) > 1e-15+0x1p-24*math.Abs(want)*1.0001 {
				t.Fatalf("GELU(%v) is %v, %v ulp off; its derivative is %v, want %v", v, y[0], e, slope[0], want)
			}
		}
		t.Logf("worst error %.6f ulp", worst)
	})
}

// TestSoftmaxStep holds every level to the loop that its documentation says, of the portable kernels: some rows see a part, some nothing, some for
// the first time.
func TestSoftmaxStep(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for n := range 70 {
			rows, d := 1+r.IntN(9), r.IntN(70)
			number := func() float32 {
				if n%3 == 0 && r.IntN(20) == 0 {
					return specials[r.IntN(len(specials))]
				}
				return float32(3 * r.NormFloat64())
			}
			s, acc := newVector(rows*n, r.IntN(8), number), newVector(rows*d, r.IntN(8), number)
			top, sum := newVector(rows, 1, number), newVector(rows, 2, number)
			seen := make([]Range, rows)
			for i := range seen {
				from := r.IntN(n + 1)
				seen[i] = [...]Range{{0, int32(n)}, {0, int32(from)}, {int32(from), int32(n)}}[r.IntN(3)]
				if r.IntN(3) == 0 {
					top.v[i], sum.v[i] = float32(math.Inf(-1)), 0
				}
			}
			wantS, wantAcc, wantTop, wantSum := s.clone(), acc.clone(), top.clone(), sum.clone()
			for i, seen := range seen {
				row := wantS.v[i*n:][seen.From:seen.To]
				if m := maxGeneric(row); m > wantTop.v[i] {
					shrink := Exp1(wantTop.v[i] - m)
					wantTop.v[i], wantSum.v[i] = m, float32(wantSum.v[i]*shrink)
					scaleGeneric(wantAcc.v[i*d:][:d], shrink)
				}
				wantSum.v[i] += expSumGeneric(row, row, wantTop.v[i])
			}
			SoftmaxStep(s.v, seen, top.v, sum.v, acc.v)
			for _, p := range []struct {
				what      string
				got, want vector
			}{{"scores", s, wantS}, {"sums", sum, wantSum}, {"tops", top, wantTop}, {"acc", acc, wantAcc}} {
				diff(t, p.what, p.got.v, p.want.v)
				p.got.intact(t, p.what)
			}
		}
	})
}
