package work

import (
	"cmp"
	"slices"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A Layout says what goes through the model, and how.
type Layout string

// The layouts. All but the first are what this program does not do, laid out for it to do all the same.
const (
	AsBuilt        Layout = "as built"                       // reflogp.ScoreWindow
	Apart          Layout = "prefix sharing off"             // each completion with a prompt of its own
	Padded         Layout = "padding on"                     // groups of 4 pairs in order of the data, filled up to the longest of them
	Rows           Layout = "both of these"                  // Apart and Padded
	HeadEverywhere Layout = "these, and the head everywhere" // and the head at every position
)

// A sequence is a prompt with completions.
type sequence struct {
	prompt      []int32
	completions [][]int32
}

func (s sequence) tokens() int {
	n := len(s.prompt)
	for _, c := range s.completions {
		n += len(c)
	}
	return n
}

// fill returns the sequence with so many tokens, the ones that it lacks in front of its prompt. Their values are of no matter.
func (s sequence) fill(tokens int) sequence {
	if lacking := tokens - s.tokens(); lacking > 0 {
		s.prompt = slices.Concat(slices.Repeat(s.prompt[:1], lacking), s.prompt)
	}
	return s
}

// LayOut cuts pairs into batches: by length and a budget of tokens where nothing is filled up, else 4 pairs at a time as they come.
func LayOut(window []schemas.TokenPair, how Layout, tokens int) (batches []model.Batch) {
	var all []sequence
	for _, p := range window {
		if how == Padded {
			all = append(all, sequence{p.PromptIDs, [][]int32{p.ChosenIDs, p.RejectedIDs}})
		} else {
			all = append(all, sequence{p.PromptIDs, [][]int32{p.ChosenIDs}}, sequence{p.PromptIDs, [][]int32{p.RejectedIDs}})
		}
	}
	add := func(batch []sequence) {
		var b model.Batch
		for _, s := range batch {
			b.Add(s.prompt, s.completions...)
		}
		batches = append(batches, b)
	}
	if how == Apart {
		slices.SortStableFunc(all, func(a, b sequence) int { return cmp.Compare(b.tokens(), a.tokens()) })
		for from := 0; from < len(all); {
			to, sum := from+1, all[from].tokens()
			for to < len(all) && sum+all[to].tokens() <= tokens {
				sum += all[to].tokens()
				to++
			}
			add(all[from:to])
			from = to
		}
		return batches
	}
	const pairs = 4
	for batch := range slices.Chunk(all, pairs*len(all)/len(window)) {
		longest := 0
		for _, s := range batch {
			longest = max(longest, s.tokens())
		}
		for i, s := range batch {
			s = s.fill(longest)
			if how == HeadEverywhere {
				s.prompt, s.completions = s.prompt[:1], [][]int32{slices.Concat(s.prompt[1:], s.completions[0])}
			}
			batch[i] = s
		}
		add(batch)
	}
	return batches
}
