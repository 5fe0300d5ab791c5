package pipelines_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/model/cpu"
	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/schemas"
)

// same compares rows bit for bit.
func same(t *testing.T, want, got []schemas.CachedPair) {
	t.Helper()
	bits := []cmp.Option{
		cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
		cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	}
	if d := cmp.Diff(want, got, bits...); d != "" {
		t.Errorf("rows differ (-want +got):\n%.3000s", d)
	}
}

func withoutSource(rows []schemas.CachedPair) []schemas.CachedPair {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Source = schemas.Source{}
	}
	return rows
}

// What is in a cache depends on the data, the model and the options that say so, and on nothing else.
func TestSameRowsHoweverTheyAreMade(t *testing.T) {
	const n = 40
	lines := chats(t, n)
	s, want := run(t, options(t, "direct", lines...))
	if len(want) != n || s.Run.Counts.Rows != n {
		t.Fatalf("%d rows in the view, %d in the record; want %d", len(want), s.Run.Counts.Rows, n)
	}
	for _, test := range []struct {
		runner string
		change func(*pipelines.Options)
	}{
		{"DirectRunner", func(o *pipelines.Options) { o.Threads, o.BatchTokens = 1, 1 }},
		{"direct", func(o *pipelines.Options) { o.Threads, o.BatchTokens = 3, 1<<20 }},
		{"prism", func(*pipelines.Options) {}},
		{"PrismRunner", func(o *pipelines.Options) { o.Threads, o.BatchTokens = 2, 333 }},
	} {
		o := options(t, test.runner, lines...)
		test.change(&o)
		t.Run(fmt.Sprintf("%s threads %d budget %d", test.runner, o.Threads, o.BatchTokens), func(t *testing.T) {
			_, got := run(t, o)
			same(t, want, got)
		})
	}

	t.Run("limit", func(t *testing.T) {
		o := options(t, "direct", lines...)
		o.Pairs.Limit = 9
		_, got := run(t, o)
		same(t, want[:9], got)
	})
	t.Run("other order, many files", func(t *testing.T) {
		for _, runner := range []string{"direct", "prism"} {
			o := options(t, runner)
			o.Inputs = nil
			for i := n - 1; i >= 0; i -= 8 {
				part := slices.Clone(lines[i-7 : i+1])
				slices.Reverse(part)
				o.Inputs = append(o.Inputs, write(t, "part.jsonl", part...))
			}
			_, got := run(t, o)
			slices.Reverse(got)
			same(t, withoutSource(want), withoutSource(got))
		}
	})
}

// The values are those of the engine asked for one pair alone.
func TestValues(t *testing.T) {
	_, got := run(t, options(t, "direct", chats(t, 12)...))
	d, err := checkpoint.Open(demoModel(t))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	sc, err := cpu.NewScorer(d, c, cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer sc.Close()
	for _, p := range got {
		var b model.Batch
		b.Add(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
		s, err := sc.Score(t.Context(), b, 0)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range s.Logp[:len(p.ChosenIDs)] {
			sum += float64(v)
		}
		if !slices.Equal(s.Logp, slices.Concat(p.RefChosenTokenLogps, p.RefRejectedTokenLogps)) || sum != p.RefChosenLogps || sum >= 0 {
			t.Errorf("row %d: cached %v (sum %v), the engine says %v", p.Source.Pos, p.RefChosenTokenLogps, p.RefChosenLogps, s.Logp)
		}
	}
}

func TestCounts(t *testing.T) {
	lines := chats(t, 14) // rows 6 and 13 are repeats
	lines = append(lines,
		`{"prompt": "a", "chosen": "b"}`,
		`not json`,
		`{"prompt": [{"role": "user", "content": "x"}], "chosen": [{"role": "assistant", "content": "same"}], "rejected": [{"role": "assistant", "content": "same"}]}`,
	)
	for _, runner := range []string{"direct", "prism"} {
		t.Run(runner, func(t *testing.T) {
			o := options(t, runner, lines...)
			o.MaxQuarantine = 0.2
			o.Record = map[string]any{"beta": 0.1, "note": "as given"}
			var last pipelines.Progress
			o.Progress = func(p pipelines.Progress) { last = p }
			s, got := run(t, o)
			c := s.Run.Counts
			want := schemas.Counts{
				Rows: 15, Scored: 13, Tokens: c.Tokens, Completion: c.Completion, Identical: 1,
				Quarantined: map[schemas.Code]int64{schemas.CodeMissingField: 1, schemas.CodeBadJSON: 1},
			}
			if d := cmp.Diff(want, c); d != "" {
				t.Errorf("counts (-want +got):\n%s", d)
			}
			var tokens, computed, shared, repeated int64
			seen := map[string]bool{}
			first := func(parts ...any) bool {
				key := fmt.Sprint(parts...)
				defer func() { seen[key] = true }()
				return !seen[key]
			}
			for _, p := range got {
				if !first(p.ID) {
					continue
				}
				prompt := int64(len(p.PromptIDs))
				tokens += prompt + int64(len(p.ChosenIDs)+len(p.RejectedIDs))
				shared += 2 * prompt
				if first(p.PromptIDs) {
					computed += prompt
					shared -= prompt
				}
				for _, side := range [][]int32{p.ChosenIDs, p.RejectedIDs} {
					if first(p.PromptIDs, side) {
						computed += int64(len(side))
					} else {
						repeated += int64(len(side))
					}
				}
			}
			if c.Tokens != tokens || last.Rows != 15 || last.Quarantined != 2 || last.Tokens != computed || computed >= tokens {
				t.Errorf("%d tokens counted, progress %+v; the rows have %d tokens, and the model computes %d", c.Tokens, last, tokens, computed)
			}
			for name, want := range map[string]int64{
				"RunInference/num_inferences":          13,
				"steelyard/rows_read":                  17,
				"steelyard/duplicates":                 2,
				"steelyard/tokens":                     computed,
				"steelyard/shared_prefix_tokens":       shared,
				"steelyard/repeated_completion_tokens": repeated,
				"steelyard/quarantined/bad_json":       1,
				"steelyard/quarantined/missing_field":  1,
			} {
				if s.Counters[name] != want {
					t.Errorf("counter %s is %d, want %d", name, s.Counters[name], want)
				}
			}
			view := status(t, o.Cache).Views[0]
			if len(view.Inputs) != 1 || view.Inputs[0].Path != o.Inputs[0] || view.Tokens.Item(schemas.ItemTemplateDate).Digest != "2024-07-26" || view.Options["note"] != "as given" {
				t.Errorf("the view says %+v", view)
			}
		})
	}
}

func TestTooManyMalformedRows(t *testing.T) {
	lines := append(chats(t, 5), "{", "{")
	for _, runner := range []string{"direct", "prism"} {
		t.Run(runner, func(t *testing.T) {
			o := options(t, runner, lines...)
			o.MaxQuarantine = 0.25
			s, err := pipelines.RunPrecompute(t.Context(), o)
			if !errors.Is(err, pipelines.ErrRunFailed) || !strings.Contains(err.Error(), "2 of 7 rows") {
				t.Errorf("error %v, want ErrRunFailed and the numbers", err)
			}
			if s.Run.State != schemas.RunFailed || s.Run.Counts.Quarantined[schemas.CodeBadJSON] != 2 {
				t.Errorf("recorded as %+v", s.Run)
			}
			if st := status(t, o.Cache); st.Digest != "" || len(st.Staged) != 1 {
				t.Errorf("a failed run left the snapshot %q and staged %v", st.Digest, st.Staged)
			}
			// Two of eight is a quarter: allowed.
			o = options(t, runner, append(lines, chats(t, 1)...)...)
			o.MaxQuarantine = 0.25
			run(t, o)
		})
	}
}

func TestNothingToDo(t *testing.T) {
	for _, runner := range []string{"direct", "prism"} {
		t.Run(runner, func(t *testing.T) {
			o := options(t, runner)
			if _, got := run(t, o); got != nil {
				t.Errorf("a cache of nothing has rows %v", got)
			}
			again := options(t, runner, chats(t, 1)...)
			again.Cache = o.Cache
			if s, got := run(t, again); len(got) != 1 || s.Run.Counts.Scored != 1 {
				t.Errorf("a second run into it: %+v", s.Run.Counts)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	lines := chats(t, 400)
	for _, runner := range []string{"direct", "prism"} {
		t.Run(runner, func(t *testing.T) {
			mayCancel(t, runner)
			o := options(t, runner, lines...)
			o.BatchTokens = 1 // many batches: somewhere to stop
			ctx, cancel := context.WithCancel(t.Context())
			o.Every = time.Millisecond
			o.Progress = func(p pipelines.Progress) {
				if p.Rows > 0 {
					cancel()
				}
			}
			s, err := pipelines.RunPrecompute(ctx, o)
			if !errors.Is(err, context.Canceled) || len(err.Error()) > 300 {
				t.Errorf("error %v, want context.Canceled in few words", err)
			}
			if s.Run.State != schemas.RunFailed || status(t, o.Cache).Digest != "" {
				t.Errorf("an interrupted run is recorded as %+v", s.Run)
			}
		})
	}
}

// A pair that the model can't take is quarantined, and the others are scored.
func TestRowsBeyondTheModel(t *testing.T) {
	lines := chats(t, 20)
	long := strings.Repeat("word after word ", 600)
	lines[3] = fmt.Sprintf(`{"prompt": %q, "chosen": "a", "rejected": "b"}`, long)
	lines[4] = fmt.Sprintf(`{"prompt": "p\n", "chosen": %q, "rejected": "b"}`, long)
	o := options(t, "direct", lines...)
	o.MaxLength = 0
	o.MaxQuarantine = 0.5
	s, _ := run(t, o)
	if got := s.Run.Counts.Quarantined[schemas.CodeTooManyPositions]; got != 2 || s.Run.Counts.Rows != 18 {
		t.Errorf("counts %+v, want 2 rows with too many positions and 18 scored", s.Run.Counts)
	}
	text, err := filepath.Glob(filepath.Join(o.Cache, "quarantine", "*", "*.jsonl"))
	if err != nil || len(text) != 1 {
		t.Fatalf("quarantine files %v, %v", text, err)
	}
	b, err := os.ReadFile(text[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), fmt.Sprintf("%q", o.Inputs[0])); n != 2 {
		t.Errorf("the input file is named %d times in quarantine, want twice", n)
	}

	o = options(t, "direct", lines...)
	o.MaxQuarantine = 0
	s, _ = run(t, o)
	if c := s.Run.Counts; c.Quarantined[schemas.CodePromptTooLong] != 1 || c.Truncated != 1 || c.Rows != 19 {
		t.Errorf("counts with max_length 1024: %+v, want one row dropped and one cut", c)
	}
}

func TestFaultsBeforeAnyWork(t *testing.T) {
	lines := chats(t, 2)
	for name, test := range map[string]struct {
		change func(*pipelines.Options)
		want   string
	}{
		"no input":     {func(o *pipelines.Options) { o.Inputs = []string{"none.jsonl"} }, "none.jsonl"},
		"no model":     {func(o *pipelines.Options) { o.Model.Dir = t.TempDir() }, "neither model.safetensors"},
		"bad template": {func(o *pipelines.Options) { o.Template = "{% if %}" }, "template"},
		"all at once":  {func(o *pipelines.Options) { o.MaxLength, o.MaxQuarantine, o.Threads = -1, 2, -1 }, "max_length"},
		"not a number": {func(o *pipelines.Options) { o.MaxQuarantine = math.NaN() }, "max_quarantine"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "direct", lines...)
			test.change(&o)
			_, err := pipelines.RunPrecompute(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
			if _, err := os.Stat(o.Cache); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the cache's directory was made: %v", err)
			}
		})
	}
}

func TestNewRunID(t *testing.T) {
	at := time.Date(2026, 11, 23, 18, 3, 51, 0, time.UTC)
	a, b := pipelines.NewRunID(at), pipelines.NewRunID(at.Add(time.Second))
	if !strings.HasPrefix(a, "20261123T180351Z-") || a >= b {
		t.Errorf("ids %s and %s, want the time first and the later one greater", a, b)
	}
}
