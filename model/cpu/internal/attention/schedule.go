package attention

import (
	"cmp"
	"slices"
)

// A Schedule divides the backward pass of a batch among threads. A share, all that one key head of a group has, is swept: each tile is
// computed once, for dq, dk and dv, which are 5 products. But the sums over queries make a share one thread's work. Shares that would leave
// threads idle are passed over twice instead, dq by blocks of queries with 3 products a tile, then dk and dv by blocks of keys with 4.
type Schedule struct {
	shares  []share // of the batch, those with most work first
	sweeps  []share // the first of them
	queries []QueryTask
	keys    []KeyTask
	loads   []int // of the threads, while shares are dealt out

	// The layer under way, and what is run for it: made once, so that a layer allocates nothing.
	layer         backward
	tiles         []Tile
	first, second func(worker, i int)
}

// A share is what one key head of a group has to do.
type share struct {
	group []Span
	head  int
	work  int // queries times keys, about
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
	s.sweeps = s.shares[:s.swept(total, threads)]
	s.queries, s.keys = s.queries[:0], s.keys[:0]
	for _, share := range s.shares[len(s.sweeps):] {
		s.queries = a.queryTasks(s.queries, share.group, share.head)
		s.keys = a.keyTasks(s.keys, share.group, share.head)
	}
	longestFirst(s.queries)
	slices.SortStableFunc(s.keys, func(a, b KeyTask) int { return cmp.Compare(b.queriesAfter(), a.queriesAfter()) })
}

// swept returns how many of the shares are swept so that all is done first: each in turn goes to the thread with least to do, and blocks of
// queries fill up what the others leave.
func (s *Schedule) swept(total, threads int) int {
	s.loads = append(s.loads[:0], make([]int, threads)...)
	most, done := 0, 0
	best, shortest := 0, 7*total // times threads
	for i, share := range s.shares {
		least := 0
		for j, load := range s.loads {
			if load < s.loads[least] {
				least = j
			}
		}
		s.loads[least] += share.work
		most, done = max(most, s.loads[least]), done+share.work
		rest := total - done
		if t := max(5*most*threads, 5*done+3*rest) + 4*rest; t <= shortest {
			best, shortest = i+1, t
		}
	}
	return best
}

// A KeyTask is a block of keys of one head.
type KeyTask struct {
	group   []Span
	segment int
	keys    Span
	head    int
}

// keyTasks appends the blocks of keys of a share.
func (a *Attention) keyTasks(tasks []KeyTask, group []Span, head int) []KeyTask {
	for i, s := range group {
		for keys := range s.blocks(a.KeyBlock) {
			tasks = append(tasks, KeyTask{group, i, keys, head})
		}
	}
	return tasks
}

// seers returns the spans whose queries may see the task's keys.
func (k KeyTask) seers() []Span {
	if k.segment == 0 {
		return k.group
	}
	return k.group[k.segment : k.segment+1]
}

// queriesAfter counts the queries at and after the task's keys.
func (k KeyTask) queriesAfter() int {
	n := 0
	for _, s := range k.seers() {
		n += s.N
	}
	return n - (k.keys.Row - k.seers()[0].Row)
}
