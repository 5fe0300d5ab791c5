package simd

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestPoolRunsEveryIndexOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, threads := range []int{1, 2, 5} {
		p := NewPool(threads)
		for _, n := range []int{0, 1, 2, 3, 100, 1000} {
			runs := make([]int32, n)
			busy := make([]atomic.Int32, threads)
			p.Run(n, func(worker, i int) {
				if busy[worker].Add(1) != 1 {
					t.Error("two tasks of one worker at a time")
				}
				runs[i]++
				busy[worker].Add(-1)
			})
			for i, k := range runs {
				if k != 1 {
					t.Errorf("threads %d, n %d: index %d ran %d times", threads, n, i, k)
				}
			}
		}
		p.Close()
	}
}

func TestPoolPanics(t *testing.T) {
	defer goleak.VerifyNone(t)
	p := NewPool(3)
	defer p.Close()
	for range 20 {
		func() {
			defer func() {
				if v := recover(); v != "seven" {
					t.Errorf("recovered %v", v)
				}
			}()
			p.Run(100, func(_, i int) {
				if i == 7 {
					panic("seven")
				}
			})
		}()
	}
	var begun atomic.Int32
	func() {
		defer func() {
			if recover() == nil || begun.Load() > 500 {
				t.Errorf("%d tasks ran after the first one's panic", begun.Load())
			}
		}()
		p.Run(1000, func(_, i int) {
			if begun.Add(1); i == 0 {
				panic("first")
			}
			time.Sleep(100 * time.Microsecond)
		})
	}()
	var n atomic.Int32
	p.Run(10, func(_, _ int) { n.Add(1) }) // the pool still works
	if n.Load() != 10 {
		t.Errorf("%d tasks ran", n.Load())
	}
}

// TestGemmThreads multiplies on one to nine threads, and in parts: the same bits.
func TestGemmThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	a, b := randomOperand(r, F32, 130, 90, false), randomOperand(r, BF16, 90, 210, true)
	want := make([]float32, 130*210)
	var w Workspace
	GemmSeq(&w, want, 210, a, b, false)
	for threads := 1; threads < 10; threads++ {
		p := NewPool(threads)
		got := make([]float32, len(want))
		Gemm(p, got, 210, a, b, false)
		diff(t, fmt.Sprintf("%d threads", threads), got, want)
		p.Close()
	}
	got := make([]float32, len(want))
	p := NewPool(2)
	defer p.Close()
	p.Run(130, func(_, i int) {
		var w Workspace
		for j := 0; j < 210; j += 32 {
			n := min(32, 210-j)
			GemmSeq(&w, got[i*210+j:], 210, a.Block(i, 1, 0, 90), b.Block(0, 90, j, n), false)
		}
	})
	diff(t, "by rows and columns", got, want)
}

func TestRunsAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	p := NewPool(2)
	defer p.Close()
	a, b := randomOperand(r, F32, 161, 170, false), randomOperand(r, BF16, 170, 167, true)
	c := make([]float32, 161*167)
	var sum atomic.Int64
	task := func(_, i int) { sum.Add(int64(i)) }
	if n := testing.AllocsPerRun(20, func() {
		Gemm(p, c, 167, a, b, true)
		p.Run(5, task)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestGemmSeqAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var w Workspace
	for _, t1 := range []bool{false, true} {
		for _, t2 := range []bool{false, true} {
			a, b := randomOperand(r, F32, 61, 70, t1), randomOperand(r, BF16, 70, 67, t2)
			c := make([]float32, 61*67)
			if n := testing.AllocsPerRun(3, func() { GemmSeq(&w, c, 67, a, b, true) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		}
	}
}
