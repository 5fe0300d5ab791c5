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
			}{{"NT", false, true, F32}, {"NT-bf16", false, true, BF16}, {"NT-4bit", false, true, Code4}, {"NT-packed", false, true, F32}, {"NN", false, false, F32}, {"TN", true, false, F32}} {
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
					if layout.name == "NT-packed" {
						y = Pack(p, y)
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

// BenchmarkVector measures the others on rows of 576 and 1536.
func BenchmarkVector(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{64, 576, 1536} {
		x, y, z, u, v := normals(r, n), normals(r, n), normals(r, n), normals(r, n), normals(r, n)
		raw := make([]uint16, n)
		for _, k := range []struct {
			name string
			f    func()
		}{
			{"Dot", func() { Dot(x, y) }},
			{"Sum", func() { Sum(x) }},
			{"Max", func() { Max(x) }},
			{"Exp", func() { Exp(z, x) }},
			{"ExpSum", func() { ExpSum(z, x, 3) }},
			{"Axpy", func() { Axpy(z, 1e-9, x) }},
			{"Scale", func() { Scale(z, 1) }},
			{"Add", func() { Add(z, x) }},
			{"SwiGLU", func() { SwiGLU(z, x, y) }},
			{"SwiGLUGrad", func() { SwiGLUGrad(u, v, z, x, y) }},
			{"WidenBF16", func() { Widen(z, BF16, raw) }},
			{"WidenF16", func() { Widen(z, F16, raw) }},
		} {
			b.Run(fmt.Sprintf("%s/n=%d", k.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					k.f()
				}
			})
		}
	}
}
