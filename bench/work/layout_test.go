package work

import (
	"testing"

	"github.com/steelyard-ml/steelyard/schemas"
)

// Five pairs; the first four are a padded batch, the last is one of its own.
func layoutPairs() (window []schemas.TokenPair) {
	next := int32(0)
	take := func(n int) (ids []int32) {
		for range n {
			next++
			ids = append(ids, next)
		}
		return ids
	}
	for _, p := range []Pair{{2, 3, 1}, {4, 1, 2}, {1, 6, 5}, {3, 2, 2}, {2, 2, 1}} {
		window = append(window, schemas.TokenPair{PromptIDs: take(p.Prompt), ChosenIDs: take(p.Chosen), RejectedIDs: take(p.Rejected)})
	}
	return window
}

func TestLayOut(t *testing.T) {
	// In pairs the tokens are 6, 7, 12, 7 and 5; in sequences 5, 3; 5, 6; 7, 6; 5, 5; 4, 3.
	for _, c := range []struct {
		how                              Layout
		batches, groups, tokens, longest int
		scored                           int
	}{
		{Apart, 5, 10, 49, 7, 25},                             // by length, 12 tokens at most: 7, 6+6, 5+5, 5+5, 4+3+3
		{Padded, 2, 5, 4*12 + 5, 12, 25},                      // all completions are scored, no padding
		{Rows, 2, 10, 8*7 + 2*4, 7, 25},                       // twice as many sequences
		{HeadEverywhere, 2, 10, 8*7 + 2*4, 7, 8*7 + 2*4 - 10}, // all but the first token of each
	} {
		batches := LayOut(layoutPairs(), c.how, 12)
		groups, tokens, scored, longest := 0, 0, 0, 0
		for _, b := range batches {
			groups += len(b.Groups)
			tokens += len(b.Tokens)
			scored += b.Scored()
			for _, g := range b.Groups {
				longest = max(longest, g.Tokens())
				if g.Prompt < 1 {
					t.Errorf("%s: a group without a prompt", c.how)
				}
			}
		}
		if len(batches) != c.batches || groups != c.groups || tokens != c.tokens || scored != c.scored || longest != c.longest {
			t.Errorf("%s: %d batches, %d groups, %d tokens, %d scored, longest %d; want %+v", c.how, len(batches), groups, tokens, scored, longest, c)
		}
	}
}

// Filling up a sequence leaves its own tokens at the end and what it is made of alone.
func TestFill(t *testing.T) {
	s := sequence{[]int32{7, 8}, [][]int32{{9}}}
	f := s.fill(5)
	if got := f.prompt; len(got) != 4 || got[0] != 7 || got[2] != 7 || got[3] != 8 || f.tokens() != 5 || s.tokens() != 3 {
		t.Errorf("%v of %v", f, s)
	}
	if g := s.fill(2); g.tokens() != 3 {
		t.Errorf("%v was cut", g)
	}
}
