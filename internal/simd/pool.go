package simd

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Pool runs tasks on a fixed number of threads. One Run is under way at a time; others wait. A task must not call Run or Gemm of its own
// pool: it would wait for itself. GemmSeq is for tasks.
//
// Between runs the threads look out for the next one for some microseconds before they sleep, as the runs of a model's layers follow one
// another closely and waking a thread takes longer than many of them.
type Pool struct {
	mu      sync.Mutex
	threads int
	looks   int // before a thread sleeps
	helpers []*helper
	ws      []Workspace // one a worker, for Gemm
	product product     // of Gemm

	// The run under way.
	n     int64
	f     func(worker, i int)
	next  atomic.Int64          // the next index to grab
	fault atomic.Pointer[fault] // the first panic
	busy  atomic.Int64          // helpers that have not returned
	done  sleeper               // of the caller
}

// A helper is a thread of a pool beside the caller's.
type helper struct {
	worker int
	turn   atomic.Uint32 // runs that it was called to
	closed atomic.Bool
	sleeper
}

// A fault is what a task panicked with.
type fault struct{ value any }

// NewPool returns a pool of so many threads; 0 or less means GOMAXPROCS. Close ends them.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, ws: make([]Workspace, threads), done: newSleeper()}
	p.product.init(p)
	if threads <= runtime.GOMAXPROCS(0) { // else a thread that looks is in another's way
		p.looks = 400
	}
	for i := range threads - 1 {
		h := &helper{worker: i + 1, sleeper: newSleeper()}
		p.helpers = append(p.helpers, h)
		go p.help(h)
	}
	return p
}

// Threads returns the number of threads, the caller's included.
func (p *Pool) Threads() int { return p.threads }

// Close ends the threads. The pool must not be used after it.
func (p *Pool) Close() {
	for _, h := range p.helpers {
		h.closed.Store(true)
		h.call()
	}
}

// Run calls f(worker, i) once for every i in [0, n), on all threads, and returns when all have returned. A worker's number is in
// [0, Threads()) and belongs to one goroutine at a time, so scratch memory may be kept by worker; which worker takes which i varies from run
// to run, so nothing else may depend on it. When a call panics, no further ones begin and Run panics with the same value.
func (p *Pool) Run(n int, f func(worker, i int)) {
	if n <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run(n, f)
}

func (p *Pool) run(n int, f func(worker, i int)) {
	p.n, p.f = int64(n), f
	p.next.Store(0)
	helpers := p.helpers[:min(p.threads, n)-1]
	p.busy.Store(int64(len(helpers)))
	for _, h := range helpers {
		h.call()
	}
	p.work(0)
	p.done.sleepUntil(p.looks, func() bool { return p.busy.Load() == 0 })
	p.f = nil
	if f := p.fault.Swap(nil); f != nil {
		panic(f.value)
	}
}

// call has a helper take part in the run.
func (h *helper) call() {
	h.turn.Add(1)
	h.wakeUp()
}

// help is a helper's life.
func (p *Pool) help(h *helper) {
	for turn := uint32(0); ; turn++ {
		h.sleepUntil(p.looks, func() bool { return h.turn.Load() != turn })
		if h.closed.Load() {
			return
		}
		p.work(h.worker)
		if p.busy.Add(-1) == 0 {
			p.done.wakeUp()
		}
	}
}

// work takes indices until none is left.
func (p *Pool) work(worker int) {
	defer func() {
		if v := recover(); v != nil {
			p.fault.CompareAndSwap(nil, &fault{v})
			p.next.Store(p.n)
		}
	}()
	for {
		i := p.next.Add(1) - 1
		if i >= p.n {
			return
		}
		p.f(worker, int(i))
	}
}

// A sleeper waits for a condition that others bring about.
type sleeper struct {
	asleep *atomic.Bool
	bell   chan struct{}
}

func newSleeper() sleeper { return sleeper{new(atomic.Bool), make(chan struct{}, 1)} }

// wakeUp is called after the condition may have become true.
func (s sleeper) wakeUp() {
	if s.asleep.CompareAndSwap(true, false) {
		s.bell <- struct{}{}
	}
}

// sleepUntil returns when the condition is true: it looks so many times, then sleeps until it is woken.
func (s sleeper) sleepUntil(looks int, condition func() bool) {
	for range looks {
		if condition() {
			return
		}
		pause()
	}
	for !condition() {
		s.asleep.Store(true)
		if condition() && s.asleep.CompareAndSwap(true, false) {
			return
		}
		<-s.bell // rung, or about to be, by who found it asleep
	}
}
