package reflogp

import (
	"cmp"
	"slices"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A set is the pairs of a window that have one prompt, as preference sets do, which rank several completions of it: four ranked answers
// are six pairs, of four completions. A prompt that another one begins with is another prompt: nothing of it is shared.
type set struct {
	prompt      []int32
	completions []*completion // every one once, longest first
	pairs       []pairRows    // that are still to be handed out
	tokens      int           // of the prompt and the completions
}

// A completion is a list of ids that pairs of a set have as chosen or rejected, and what came of it.
type completion struct {
	ids  []int32
	uses int // how many sides of distinct pairs it is

	done bool
	logp []float32 // (len(ids))
	err  error     // why the engine refuses it
}

// A pairRows is the rows of a window that hold one pair: the same ids.
type pairRows struct {
	rows             []schemas.TokenPair
	chosen, rejected *completion // may be one and the same
}

// A part is a prompt and some of its set's completions: a group of the engine's batch.
type part struct {
	set         *set
	completions []*completion
	tokens      int
}

// sets groups a window by prompt and by pair, the sets with most tokens first. The order doesn't depend on that of arrival: neither do the
// batches.
func sets(window []schemas.TokenPair) []*set {
	window = slices.Clone(window)
	slices.SortFunc(window, func(a, b schemas.TokenPair) int {
		if c := slices.Compare(a.PromptIDs, b.PromptIDs); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Pos, b.Source.Pos))
	})
	var out []*set
	for rows := range runs(window, func(a, b schemas.TokenPair) bool { return slices.Equal(a.PromptIDs, b.PromptIDs) }) {
		out = append(out, newSet(rows))
	}
	slices.SortStableFunc(out, func(a, b *set) int { return cmp.Compare(b.tokens, a.tokens) })
	return out
}

// newSet makes a set of rows that have one prompt, those of a pair side by side.
func newSet(rows []schemas.TokenPair) *set {
	s := &set{prompt: rows[0].PromptIDs}
	for same := range runs(rows, func(a, b schemas.TokenPair) bool { return a.ID == b.ID }) {
		s.pairs = append(s.pairs, pairRows{rows: same})
		s.completions = append(s.completions, &completion{ids: same[0].ChosenIDs}, &completion{ids: same[0].RejectedIDs})
	}
	slices.SortFunc(s.completions, func(a, b *completion) int { return byLength(a, b.ids) })
	s.completions = slices.CompactFunc(s.completions, func(a, b *completion) bool { return slices.Equal(a.ids, b.ids) })
	find := func(ids []int32) *completion {
		i, _ := slices.BinarySearchFunc(s.completions, ids, byLength)
		s.completions[i].uses++
		return s.completions[i]
	}
	for i := range s.pairs {
		p := &s.pairs[i]
		p.chosen, p.rejected = find(p.rows[0].ChosenIDs), find(p.rows[0].RejectedIDs)
	}
	s.tokens = newPart(s, s.completions).tokens
	return s
}

// byLength orders completions: the longest first, equally long ones by their ids.
func byLength(a *completion, ids []int32) int {
	if c := cmp.Compare(len(ids), len(a.ids)); c != 0 {
		return c
	}
	return slices.Compare(a.ids, ids)
}

// runs yields the longest runs of neighbours that are the same.
func runs(rows []schemas.TokenPair, same func(a, b schemas.TokenPair) bool) func(yield func([]schemas.TokenPair) bool) {
	return func(yield func([]schemas.TokenPair) bool) {
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && same(rows[0], rows[n]) {
				n++
			}
			if !yield(rows[:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

func newPart(s *set, completions []*completion) part {
	p := part{s, completions, len(s.prompt)}
	for _, c := range completions {
		p.tokens += len(c.ids)
	}
	return p
}

// parts cuts a set into parts of at most so many tokens, each with the prompt, and of two completions at least, as a pair has, while there
// are two. The longest completions go first, each into the first part that has room: a few tokens more in a part save a prompt. Which
// pairs a completion belongs to is no matter: a value doesn't depend on what else is in its group.
func (s *set) parts(tokens int) []part {
	if s.tokens <= tokens {
		return []part{newPart(s, s.completions)}
	}
	var out []part
	for _, c := range s.completions {
		i := slices.IndexFunc(out, func(p part) bool { return len(p.completions) < 2 || p.tokens+len(c.ids) <= tokens })
		if i < 0 {
			i, out = len(out), append(out, newPart(s, nil))
		}
		out[i].completions = append(out[i].completions, c)
		out[i].tokens += len(c.ids)
	}
	return out
}

// cut cuts sets into batches of at most so many tokens, and of at least one part.
func cut(sets []*set, tokens int) [][]part {
	var batches [][]part
	used := 0
	for _, s := range sets {
		for _, p := range s.parts(tokens) {
			if len(batches) == 0 || used+p.tokens > tokens {
				batches, used = append(batches, nil), 0
			}
			last := &batches[len(batches)-1]
			*last = append(*last, p)
			used += p.tokens
		}
	}
	return batches
}

// halve cuts a batch of more than one completion in two: between parts, or, where it is one part, between its completions.
func halve(batch []part) (left, right []part) {
	if n := len(batch) / 2; n > 0 {
		return batch[:n], batch[n:]
	}
	p := batch[0]
	n := len(p.completions) / 2
	return []part{newPart(p.set, p.completions[:n])}, []part{newPart(p.set, p.completions[n:])}
}
