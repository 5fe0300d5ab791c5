package attention

import "iter"

// A Span is a segment of the batch, a prompt or a completion: N tokens in consecutive rows and at consecutive positions.
type Span struct{ Row, Pos, N int }

// blocks cuts a span into blocks that count from its start.
func (s Span) blocks(size int) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		for from := 0; from < s.N; from += size {
			if !yield(Span{Row: s.Row + from, Pos: s.Pos + from, N: min(size, s.N-from)}) {
				return
			}
		}
	}
}

// seen returns the spans whose keys a segment of a group may see: the prompt's, and its own.
func seen(group []Span, segment int) []Span {
	if segment == 0 {
		return group[:1]
	}
	return []Span{group[0], group[segment]}
}

// A Mask says which keys a query sees: those at its own position and before, and, with a window, no more than so many.
type Mask struct{ Window int } // 0 is no window

// visible returns which of a block's keys, from ≤ k < to, a query at a position sees.
func (m Mask) visible(pos int, keys Span) (from, to int) {
	to = min(max(pos-keys.Pos+1, 0), keys.N)
	if m.Window > 0 {
		from = min(max(pos-m.Window+1-keys.Pos, 0), to)
	}
	return from, to
}

// any says whether some query of a block sees some key of a block.
func (m Mask) any(queries, keys Span) bool {
	last := queries.Pos + queries.N - 1
	return last >= keys.Pos && (m.Window == 0 || queries.Pos-m.Window < keys.Pos+keys.N-1)
}
