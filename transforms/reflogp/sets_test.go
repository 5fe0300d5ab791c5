package reflogp

import (
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Four ranked answers of one prompt are six pairs, of one prompt and four completions.
func TestRankedAnswers(t *testing.T) {
	prompt := []int32{1, 2, 3}
	answers := [][]int32{{4}, {4, 5}, {6, 7, 8}, {9, 9, 9, 9}}
	var window []schemas.TokenPair
	sequences := 0
	for i, better := range answers {
		for _, worse := range answers[:i] {
			window = append(window, pair(int64(len(window)), prompt, better, worse))
			sequences += 2*len(prompt) + len(better) + len(worse)
		}
	}
	window = append(window, window[2], pair(7, prompt[:2], answers[0], answers[1])) // a repeat, and a prompt that the others begin with
	sequences += 4 + 3
	f := &fake{}
	got, _, batches := run(t, f, window, 100)
	if len(got) != 8 || len(f.calls) != 1 {
		t.Fatalf("%d rows from %d calls, want 8 from 1", len(got), len(f.calls))
	}
	want := model.Batch{
		Tokens: []int32{1, 2, 3, 9, 9, 9, 9, 6, 7, 8, 4, 5, 4, 1, 2, 4, 5, 4},
		Groups: []model.Group{{Prompt: 3, Completions: []int{4, 3, 2, 1}}, {Prompt: 2, Completions: []int{2, 1}}},
	}
	if d := gocmp.Diff(want, f.calls[0]); d != "" {
		t.Errorf("the batch (-want +got):\n%s", d)
	}
	batches[0].Took = 0
	if d := gocmp.Diff(Batch{Pairs: 7, Rows: 8, Tokens: 18, Shared: 11*3 + 2, Repeated: 2 * (4 + 3 + 2 + 1)}, batches[0]); d != "" {
		t.Errorf("the account (-want +got):\n%s", d)
	}
	if b := batches[0]; b.Tokens+b.Shared+b.Repeated != sequences {
		t.Errorf("%+v adds up to %d tokens, the pairs' sequences have %d", b, b.Tokens+b.Shared+b.Repeated, sequences)
	}
}

func TestPartsOfASet(t *testing.T) {
	answers := func(lengths ...int) (window []schemas.TokenPair) {
		first := make([]int32, lengths[0])
		for i, n := range lengths[1:] {
			other := make([]int32, n)
			other[0] = int32(i + 1)
			window = append(window, pair(int64(i), make([]int32, 10), first, other))
		}
		return window
	}
	for _, test := range []struct {
		name   string
		window []schemas.TokenPair
		tokens int
		want   [][]int // the completions of each part
	}{
		{"all fit", answers(5, 6, 7), 28, [][]int{{7, 6, 5}}},
		{"one too many", answers(5, 6, 7), 27, [][]int{{7, 6}, {5}}},
		{"a short one fills the first part", answers(9, 8, 7, 1), 28, [][]int{{9, 8, 1}, {7}}},
		{"a part has two, whatever the budget", answers(5, 6, 7, 8, 9), 1, [][]int{{9, 8}, {7, 6}, {5}}},
		{"a prompt longer than the budget", answers(2, 1), 5, [][]int{{2, 1}}},
		{"identical completions", []schemas.TokenPair{pair(0, []int32{1}, []int32{2}, []int32{2})}, 5, [][]int{{1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got [][]int
			for _, p := range sets(test.window)[0].parts(test.tokens) {
				var lengths []int
				sum := len(p.set.prompt)
				for _, c := range p.completions {
					lengths = append(lengths, len(c.ids))
					sum += len(c.ids)
				}
				if p.tokens != sum {
					t.Errorf("a part counts %d tokens and has %d", p.tokens, sum)
				}
				got = append(got, lengths)
			}
			if d := gocmp.Diff(test.want, got); d != "" {
				t.Errorf("parts (-want +got):\n%s", d)
			}
		})
	}
}

// Over any window of sets, with completions and prompts that the engine refuses or has no finite value for: a row has the values it has
// alone or is quarantined as it is alone, a completion is scored once, batches keep the budget and don't depend on the order of arrival,
// and the account adds up.
func TestSetsAreScoredAsPairsAre(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pool := func(of string, n int, bad ...int32) (lists [][]int32) {
			ids := rapid.SliceOfN(rapid.Int32Range(0, 3), 1, 6)
			for i := range n {
				list := ids.Draw(rt, of)
				if i < len(bad) && rapid.Bool().Draw(rt, "bad") {
					list = append(list, bad[i])
				}
				lists = append(lists, list)
			}
			return lists
		}
		prompts := rapid.SampledFrom(pool("prompt", 3, tokenError))
		completions := rapid.SampledFrom(pool("completion", 7, tokenError, tokenNaN, tokenPanic))
		var window []schemas.TokenPair
		var want []schemas.CachedPair
		var wantBad []string
		for i := range rapid.IntRange(1, 30).Draw(rt, "rows") {
			p := pair(int64(i), prompts.Draw(rt, "of prompt"), completions.Draw(rt, "chosen"), completions.Draw(rt, "rejected"))
			alone, bad, _ := run(t, &fake{}, []schemas.TokenPair{p}, 1)
			want = append(want, alone...)
			for _, q := range bad {
				wantBad = append(wantBad, fmt.Sprint(q.Source.Pos, q.Code, q.Reason))
			}
			window = append(window, p)
		}
		budget := rapid.IntRange(1, 80).Draw(rt, "budget")
		f := &fake{}
		got, bad, batches := run(t, f, rapid.Permutation(window).Draw(rt, "order"), budget)
		if d := gocmp.Diff(want, got); d != "" {
			rt.Fatalf("scored together (-alone +together):\n%s", d)
		}
		var gotBad []string
		for _, q := range bad {
			gotBad = append(gotBad, fmt.Sprint(q.Source.Pos, q.Code, q.Reason))
		}
		if d := gocmp.Diff(wantBad, gotBad); d != "" {
			rt.Fatalf("quarantined (-alone +together):\n%s", d)
		}
		again := &fake{}
		run(t, again, window, budget)
		if d := gocmp.Diff(f.calls, again.calls); d != "" {
			rt.Fatalf("in another order, other batches:\n%s", d)
		}
		checkCalls(rt, f.calls, batches, budget)
		checkAccount(rt, window, batches)
	})
}

// checkCalls holds the calls of the engine against the budget and finds completions that were scored twice.
func checkCalls(t *rapid.T, calls []model.Batch, batches []Batch, budget int) {
	scored := map[string]bool{}
	for i, b := range calls {
		if len(b.Tokens) > budget && (len(b.Groups) > 1 || len(b.Groups[0].Completions) > 2) {
			t.Errorf("a batch of %d groups has %d tokens, %d are allowed", len(b.Groups), len(b.Tokens), budget)
		}
		if batches[i].Err != nil {
			continue
		}
		at := 0
		for _, g := range b.Groups {
			prompt := b.Tokens[at : at+g.Prompt]
			at += g.Prompt
			for _, n := range g.Completions {
				key := fmt.Sprint(prompt, b.Tokens[at:at+n])
				at += n
				if scored[key] {
					t.Errorf("%s is scored twice", key)
				}
				scored[key] = true
			}
		}
	}
}

// checkAccount holds what batches count against the pairs, their rows and their sequences that the engine took.
func checkAccount(t *rapid.T, window []schemas.TokenPair, batches []Batch) {
	var got Batch
	for _, b := range batches {
		got.Pairs, got.Rows = got.Pairs+b.Pairs, got.Rows+b.Rows
		if b.Err == nil {
			got.Tokens += b.Tokens + b.Shared + b.Repeated
		}
		if b.Shared < 0 || b.Repeated < 0 {
			t.Errorf("less than nothing was saved: %+v", b)
		}
	}
	refused := func(ids []int32) bool { return slices.Contains(ids, tokenError) || slices.Contains(ids, tokenPanic) }
	var want Batch
	seen := map[string]bool{}
	for _, p := range window {
		if refused(p.PromptIDs) {
			continue
		}
		whole := !refused(p.ChosenIDs) && !refused(p.RejectedIDs)
		if whole {
			want.Rows++
		}
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		if whole {
			want.Pairs++
		}
		for _, ids := range [][]int32{p.ChosenIDs, p.RejectedIDs} {
			if !refused(ids) {
				want.Tokens += len(p.PromptIDs) + len(ids)
			}
		}
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("what the batches account for (-want +got):\n%s", d)
	}
}
