package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// benchShapes are the products of SmolLM2-135M (C = 576, F = 1536, KV = 192, V = 49152, D = 64) and two of attention tiles: M, K, N.
var benchShapes = [][3]int{
	{64, 576, 576}, {256, 576, 192}, {256, 576, 1536}, {256, 1536, 576}, {1024, 576, 576}, {1024, 576, 1536}, {1024, 1536, 576},
	{2048, 576, 1536}, {256, 576, 4096}, {64, 64, 64}, {128, 64, 128}, {128, 128, 64},
}

// BenchmarkGemm multiplies in the three layouts of a linear layer: A·Bᵀ forward, A·B for dX, Aᵀ·B for dW. Its GFLOP/s are those of the
// fastest turn, by the clock of now: what the kernels can do on a machine that others use too.
func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, threads := range []int{1, 2} {
		p := NewPool(threads)
		defer p.Close()
		for _, s := range benchShapes {
			for _, layout := range []struct {
				name   string
				at, bt bool
				t      DType
			}{{"NT", false, true, F32}, {"NT-bf16", false, true, BF16}, {"NT-4bit", false, true, Code4}, {"NN", false, false, F32}, {"TN", true, false, F32}} {
				b.Run(fmt.Sprintf("%s/threads=%d/%dx%dx%d", layout.name, threads, s[0], s[1], s[2]), func(b *testing.B) {
					x := randomOperand(r, F32, s[0], s[1], layout.at)
					y := randomOperand(r, layout.t, s[1], s[2], layout.bt)
					if layout.t == Code4 { // as a model has them
						y.base, y.Codes.Run, y.Codes.Scales = 0, 64, normals(r, len(y.Codes.Data)/32+1)
					}
					x.Stride, y.Stride = min(x.Stride, s[1]), min(y.Stride, s[1])
					if layout.at {
						x.Stride = s[0]
					}
					if !layout.bt {
						y.Stride = s[2]
					}
					c := make([]float32, s[0]*s[2])
					Gemm(p, c, s[2], x, y, false)
					operations := 2 * float64(s[0]*s[1]*s[2])
					times := 1 + int(5e7/operations) // a turn is long against the clock's grain
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					best := time.Duration(math.MaxInt64)
					for b.Loop() {
						begin := now(threads)
						for range times {
							Gemm(p, c, s[2], x, y, false)
						}
						best = min(best, now(threads)-begin)
					}
					report(b, threads, operations*float64(times)/best.Seconds())
				})
			}
		}
	}
}

// BenchmarkVector measures the others on a head's half, a row of 576 and a tile of 2048, at every level in one run: elements a nanosecond of
// the fastest turn.
func BenchmarkVector(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	was := table
	defer func() { table = was }()
	for _, n := range []int{32, 576, 2048} {
		x, y, z, u, v := normals(r, n), normals(r, n), normals(r, n), normals(r, n), normals(r, n)
		raw, codes, values := make([]uint16, n), make([]byte, n/2), new([16]float32)
		f := AdamW{Scale: 1, Blend1: 0.1, Beta2: 0.999, Blend2: 0.001, Root: 1, Epsilon: 1e-8, Keep: 1, Rate: -1e-9}
		for _, k := range []struct {
			name string
			f    func()
		}{
			{"Dot", func() { Dot(x, y) }},
			{"Max", func() { Max(x) }},
			{"Index", func() { Index(x, 99) }},
			{"Sum64", func() { Sum64(x) }},
			{"SumSq", func() { SumSq(x) }},
			{"Axpy", func() { Axpy(z, 1e-9, x) }},
			{"Scale", func() { Scale(z, 1) }},
			{"Add", func() { Add(z, x) }},
			{"AddTo", func() { AddTo(z, x, y) }},
			{"MulAdd", func() { MulAdd(z, x, y) }},
			{"Rotate", func() { Rotate(z, u, x, y, 1) }},
			{"Exp", func() { Exp(z, x) }},
			{"ExpSum", func() { ExpSum(z, x, 3) }},
			{"ExpScale", func() { ExpScale(z, x, 3, 2) }},
			{"ExpMoments", func() { ExpMoments(z, x, 3) }},
			{"SoftmaxGrad", func() { SoftmaxGrad(z, u, x, 3, 0) }},
			{"SwiGLU", func() { SwiGLU(z, x, y) }},
			{"SwiGLUGrad", func() { SwiGLUGrad(u, v, z, x, y) }},
			{"SiLU", func() { SiLU(z, x) }},
			{"GELUTanh", func() { GELUTanh(z, x) }},
			{"GELUTanhGrad", func() { GELUTanhGrad(z, u, x) }},
			{"GELU", func() { GELU(z, x) }},
			{"GELUGrad", func() { GELUGrad(z, u, x) }},
			{"SoftCap", func() { SoftCap(z, nil, 30) }},
			{"Normalize", func() { Normalize(z, x, y, nil, 0, 0, 1) }},
			{"NormSums", func() { NormSums(z, x, y, u, nil, 0, 0, 1) }},
			{"NormGrad", func() { NormGrad(z, u, x, 1, 0, 0, 0, true) }},
			{"AdamW", func() { f.Step(z, u, x, v) }},
			{"WidenBF16", func() { Widen(z, BF16, raw) }},
			{"WidenF16", func() { Widen(z, F16, raw) }},
			{"Widen4", func() { table.widen4(z, codes, values, 1) }},
		} {
			for _, l := range available() {
				table = tableOf(l)
				b.Run(fmt.Sprintf("%s/n=%d/%s", k.name, n, l), func(b *testing.B) {
					times := 1 + 1_000_000/n
					if l == Generic {
						times = 1 + times/20
					}
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					best := time.Duration(math.MaxInt64)
					for b.Loop() {
						begin := now(1)
						for range times {
							k.f()
						}
						best = min(best, now(1)-begin)
					}
					b.ReportMetric(float64(n)*float64(times)/float64(best), "elements/ns")
				})
			}
		}
	}
}
