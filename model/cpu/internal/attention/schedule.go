package attention

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
)

// A Schedule divides the backward pass of a batch among threads. A share is all that one key head of a group has. The first shares are swept by
// a thread each. Those that would leave threads idle are worked on by all: a row of tiles, those of a block of queries, is a task, and follows
// the row before it at a distance, since a block of keys gathers from the queries in their order.
type Schedule struct {
	shares []share // of the batch, those with most work first
	sweeps int     // how many of them are swept
	rows   []row   // of the others, each after the one that it follows
	fronts []atomic.Int32
	loads  []int // of the threads, while shares are dealt out
	last   []int // of a share's rows, the same

	// The layer under way, and what is run for it: made once, so that a layer allocates nothing.
	layer backward
	tiles []Tile
	task  func(worker, i int)
}

// A share is what one key head of a group has to do.
type share struct {
	group []Span
	head  int
	work  int // queries times keys, about
}

// A row is a block of queries of a share that is not swept.
type row struct {
	QueryTask
	share  int // its place among those that are not swept
	place  int // in its share
	before int // the row that it follows, or -1
}

// Cut makes the schedule of a batch for so many threads.
func (s *Schedule) Cut(a *Attention, groups [][]Span, threads int) {
	s.shares = s.shares[:0]
	total := 0
	for _, group := range groups {
		work := 0
		for _, span := range group {
			work += span.N * (2*span.Pos + span.N)
		}
		for g := range a.KeyHeads {
			s.shares = append(s.shares, share{group, g, work})
		}
		total += work * a.KeyHeads
	}
	slices.SortStableFunc(s.shares, func(a, b share) int { return cmp.Compare(b.work, a.work) })
	s.deal(a, s.swept(total, threads))
}

// swept returns how many of the shares are swept: each in turn goes to the thread with least to do, until one would have clearly more than its part
// of the whole.
func (s *Schedule) swept(total, threads int) int {
	s.loads = append(s.loads[:0], make([]int, threads)...)
	for i, share := range s.shares {
		least := 0
		for j, load := range s.loads {
			if load < s.loads[least] {
				least = j
			}
		}
		if s.loads[least] += share.work; 16*s.loads[least]*threads > 17*total {
			return i
		}
	}
	return len(s.shares)
}

// deal makes tasks of the shares: the first are swept, and the others' rows are taken from each in turn, so that few threads are at one.
func (s *Schedule) deal(a *Attention, sweeps int) {
	s.sweeps, s.rows = sweeps, s.rows[:0]
	for n, share := range s.shares[sweeps:] {
		place := 0
		for i, span := range share.group {
			for queries := range span.blocks(a.QueryBlock) {
				s.rows = append(s.rows, row{QueryTask{share.group, i, queries, share.head}, n, place, -1})
				place++
			}
		}
	}
	slices.SortStableFunc(s.rows, func(a, b row) int { return cmp.Compare(a.place, b.place) })
	s.last = append(s.last[:0], make([]int, len(s.shares)-sweeps)...)
	for i := range s.rows {
		r := &s.rows[i]
		if r.place > 0 {
			r.before = s.last[r.share]
		}
		s.last[r.share] = i
	}
	if len(s.fronts) < len(s.rows) {
		s.fronts = make([]atomic.Int32, len(s.rows))
	}
}

// A front is how far a row has come: the blocks of keys, counted over all that a row may see, that it is done with. The zero value is that of a
// row of a sweep, for which nobody waits.
type front struct{ before, own *atomic.Int32 }

// front returns that of row i.
func (s *Schedule) front(i int) front {
	f := front{own: &s.fronts[i]}
	if before := s.rows[i].before; before >= 0 {
		f.before = &s.fronts[before]
	}
	return f
}

// await returns when the row before is done with a block of keys.
func (f front) await(block int32) {
	for f.before != nil && f.before.Load() <= block {
		runtime.Gosched()
	}
}

// pass says that the row is done with a block of keys.
func (f front) pass(block int32) {
	if f.own != nil {
		f.own.Store(block + 1)
	}
}

// end says that the row is done with all of them.
func (f front) end() { f.own.Store(math.MaxInt32) }
