package simd

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Pool runs tasks on a fixed number of threads. One Run is under way at a time; others wait. A task must not call Run or Gemm of its own
// pool: it would wait for itself. GemmSeq is for tasks.
type Pool struct {
	mu      sync.Mutex
	threads int
	wake    chan *job   // one receiver a worker but the caller's
	ws      []Workspace // one a worker, for Gemm
}

// A job is one call of Run.
type job struct {
	n     int64
	next  atomic.Int64 // the next index to grab
	f     func(worker, i int)
	ids   atomic.Int64 // the next worker number to give
	done  sync.WaitGroup
	fault atomic.Pointer[fault] // the first panic
}

// A fault is what a task panicked with.
type fault struct{ value any }

// NewPool returns a pool of so many threads; 0 or less means GOMAXPROCS. Close ends them.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, wake: make(chan *job, threads), ws: make([]Workspace, threads)}
	for range threads - 1 {
		go func() {
			for j := range p.wake {
				j.work()
				j.done.Done()
			}
		}()
	}
	return p
}

// Threads returns the number of threads, the caller's included.
func (p *Pool) Threads() int { return p.threads }

// Close ends the threads. The pool must not be used after it.
func (p *Pool) Close() { close(p.wake) }

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
	j := &job{n: int64(n), f: f}
	helpers := min(p.threads, n) - 1
	j.done.Add(helpers)
	for range helpers {
		p.wake <- j
	}
	j.work()
	j.done.Wait()
	if f := j.fault.Load(); f != nil {
		panic(f.value)
	}
}

// work takes indices until none is left.
func (j *job) work() {
	worker := int(j.ids.Add(1) - 1)
	defer func() {
		if v := recover(); v != nil {
			j.fault.CompareAndSwap(nil, &fault{v})
			j.next.Store(j.n)
		}
	}()
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.f(worker, int(i))
	}
}
