package bpe

// A Session encodes words for one goroutine at a time.
type Session struct {
	m       *Model
	cache   cache
	symbols []int32
	pending bool // an unknown token is to be added
	// One entry a symbol. ranks[i] and results[i] are those of the merge of symbol i with the one after it.
	ranks   []uint32
	results []int32
	next    []int32 // for long words: neighbours, −1 beyond the ends
	prev    []int32
	queue   []uint64 // rank<<32 | index
}

// Session returns a new session of the model.
func (m *Model) Session() *Session { return &Session{m: m} }

// maxScan is the number of symbols up to which looking at all of them for the next merge beats a heap.
const maxScan = 32

// word appends the ids of a word that is to be merged as it is.
func (s *Session) word(dst []int32, word string) []int32 {
	key, found := s.cache.find(word)
	if found {
		return append(dst, s.cache.ids(key)...)
	}
	s.symbols = s.symbols[:0]
	s.split(word)
	if len(s.symbols) <= maxScan {
		s.mergeShort()
	} else {
		s.mergeLong()
	}
	s.cache.put(key, word, s.symbols)
	return append(dst, s.symbols...)
}

// rankAll fills ranks and results for the symbols as they are.
func (s *Session) rankAll() {
	n := len(s.symbols)
	s.ranks, s.results = sized(s.ranks, n), sized(s.results, n)
	for i := range n - 1 {
		s.ranks[i], s.results[i] = s.m.merges.get(s.symbols[i], s.symbols[i+1])
	}
	if n > 0 {
		s.ranks[n-1] = noRank
	}
}

func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n+n/2)[:n]
	}
	return s[:n]
}

// mergeShort merges the pair of the lowest rank, the leftmost of equals, until no pair has one.
func (s *Session) mergeShort() {
	s.rankAll()
	symbols, ranks, results := s.symbols, s.ranks, s.results
	for {
		best, at := noRank, -1
		for i, rank := range ranks {
			if rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		symbols[at] = results[at]
		last := len(symbols) - 1
		copy(symbols[at+1:], symbols[at+2:])
		copy(ranks[at+1:], ranks[at+2:])
		copy(results[at+1:], results[at+2:])
		symbols, ranks, results = symbols[:last], ranks[:last], results[:last]
		if ranks[at] = noRank; at+1 < last {
			ranks[at], results[at] = s.m.merges.get(symbols[at], symbols[at+1])
		}
		if at > 0 {
			ranks[at-1], results[at-1] = s.m.merges.get(symbols[at-1], symbols[at])
		}
	}
	s.symbols = symbols
}

// mergeLong is mergeShort with a heap instead of the scan and links instead of the copies. An entry of the heap is stale when its
// rank is no longer that of its index.
func (s *Session) mergeLong() {
	s.rankAll()
	n := len(s.symbols)
	s.next, s.prev = sized(s.next, n), sized(s.prev, n)
	s.queue = s.queue[:0]
	for i := range n {
		s.next[i], s.prev[i] = int32(i+1), int32(i-1)
		s.push(i)
	}
	s.next[n-1] = -1
	for len(s.queue) > 0 {
		top := s.pop()
		i := int32(uint32(top))
		if s.ranks[i] != uint32(top>>32) {
			continue
		}
		gone := s.next[i]
		s.symbols[i] = s.results[i]
		s.ranks[gone] = noRank
		s.next[i] = s.next[gone]
		s.ranks[i] = noRank
		if next := s.next[i]; next >= 0 {
			s.prev[next] = i
			s.ranks[i], s.results[i] = s.m.merges.get(s.symbols[i], s.symbols[next])
			s.push(int(i))
		}
		if prev := s.prev[i]; prev >= 0 {
			s.ranks[prev], s.results[prev] = s.m.merges.get(s.symbols[prev], s.symbols[i])
			s.push(int(prev))
		}
	}
	kept := 0
	for i := int32(0); i >= 0; i = s.next[i] {
		s.symbols[kept] = s.symbols[i]
		kept++
	}
	s.symbols = s.symbols[:kept]
}

// push adds the merge of symbol i to the heap if there is one.
func (s *Session) push(i int) {
	if s.ranks[i] == noRank {
		return
	}
	q := append(s.queue, uint64(s.ranks[i])<<32|uint64(i))
	at := len(q) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if q[parent] <= q[at] {
			break
		}
		q[parent], q[at] = q[at], q[parent]
		at = parent
	}
	s.queue = q
}

// pop removes and returns the least entry of the heap.
func (s *Session) pop() uint64 {
	q := s.queue
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			break
		}
		if child+1 < last && q[child+1] < q[child] {
			child++
		}
		if q[at] <= q[child] {
			break
		}
		q[at], q[child] = q[child], q[at]
		at = child
	}
	s.queue = q
	return top
}
