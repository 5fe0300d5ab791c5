package peak

import (
	"runtime"
	"sync"
	"time"
)

// The instructions that loops are made of.
const (
	AVX512 = "AVX-512 FMA"
	AVX2   = "AVX2 FMA"
	BF16   = "VDPBF16PS" // products of bfloat16, summed in float32
)

// A Loop issues one instruction over and over, on registers that wait for nothing but themselves four cycles before.
type Loop struct {
	Name       string
	Operations int // floating-point operations of a turn
	run        func(turns int)
}

// Loops returns the loops that this machine can run.
func Loops() []Loop { return loops() }

// Float32 says whether the loop's products are of float32s: only such a loop bounds what the engine can do.
func (l Loop) Float32() bool { return l.Name != BF16 }

// Rate runs so many turns on so many threads at once and returns the operations a second of all of them.
func (l Loop) Rate(threads, turns int) float64 {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(threads)
	for range threads {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-start
			l.run(turns)
		})
	}
	ready.Wait()
	begin := time.Now()
	close(start)
	done.Wait()
	return float64(l.Operations) * float64(turns) * float64(threads) / time.Since(begin).Seconds()
}

// Float32 returns the highest rate of the loops of float32s, in operations a second; 0 where there is no loop.
func Float32(threads, turns int) (rate float64) {
	for _, l := range Loops() {
		if l.Float32() {
			rate = max(rate, l.Rate(threads, turns))
		}
	}
	return rate
}
