package cache_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
)

func TestSinkCounts(t *testing.T) {
	st := local(t, t.TempDir())
	s := cache.NewSink(st, options("r1"))
	a, b := pair(1, 9, schemas.Source{Pos: 30}), pair(2, 9, schemas.Source{Pos: 20})
	a.ChosenTruncated, a.RejectedTruncated, a.Diverged = true, true, false
	b.ChosenTruncated, b.Diverged = false, true
	b.RejectedIDs, b.RefRejectedTokenLogps, b.RefRejectedLogps = b.ChosenIDs, b.RefChosenTokenLogps, b.RefChosenLogps
	b.ID = cache.PairID(b.PromptIDs, b.ChosenIDs, b.RejectedIDs)
	again := a
	again.Source.Pos = 10
	for _, p := range []schemas.CachedPair{a, b, again} {
		if err := s.Write(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", schemas.RawLimit+9)
	for _, q := range []schemas.Quarantined{
		{Source: schemas.Source{Pos: 40}, Code: schemas.CodePromptTooLong},
		{Source: schemas.Source{Pos: 5}, Code: schemas.CodeBadJSON, Raw: long, Reason: "a < b"},
		{Source: schemas.Source{Pos: 50}, Code: schemas.CodeBadJSON},
	} {
		if err := s.Quarantine(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	done, err := s.Close(ctx)
	if err != nil {
		t.Fatal(err)
	}
	completion := int64(len(a.ChosenIDs) + len(a.RejectedIDs) + len(b.ChosenIDs) + len(b.RejectedIDs))
	type counted struct {
		Rows  int64
		First schemas.Source
		Tally cache.Tally
	}
	count := func(parts []cache.Staged) (out []counted) {
		for _, p := range parts {
			out = append(out, counted{p.Rows, p.First, p.Tally})
		}
		return out
	}
	for _, c := range []struct {
		name      string
		got, want []counted
	}{
		{"values", count(done.Values), []counted{{2, schemas.Source{Pos: 20}, cache.Tally{Scored: 2, Tokens: completion + int64(len(a.PromptIDs)+len(b.PromptIDs)), CompletionTokens: completion}}}},
		{"view", count(done.Views), []counted{{3, schemas.Source{Pos: 10}, cache.Tally{Rows: 3, Truncated: 2, Identical: 1, Diverged: 1}}}},
		{"quarantine", count(done.Quarantine), []counted{{3, schemas.Source{Pos: 5}, cache.Tally{Quarantined: []cache.CodeCount{{Code: "bad_json", N: 2}, {Code: "prompt_too_long", N: 1}}}}}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", c.name, diff)
		}
	}
	text, err := os.ReadFile(st.URL(stagedFile("quarantine", done.Quarantine[0])))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	var q schemas.Quarantined
	if len(lines) != 3 || json.Unmarshal([]byte(lines[1]), &q) != nil || q.Raw != long[:schemas.RawLimit] || !strings.Contains(lines[1], "a < b") {
		t.Errorf("%d lines of quarantine, the second of %d bytes", len(lines), len(lines[1]))
	}
	b2, err := json.Marshal(done)
	var back cache.Done
	if err != nil || json.Unmarshal(b2, &back) != nil || !cmp.Equal(done, back) {
		t.Errorf("Done does not survive JSON: %v", cmp.Diff(done, back))
	}
}

// A repeated pair has a value once a part, and again after a roll.
func TestSinkRolls(t *testing.T) {
	var clock time.Time
	rows := func(parts []cache.Staged) (out []int64) {
		for _, p := range parts {
			out = append(out, p.Rows)
		}
		return out
	}
	for _, c := range []struct {
		name string
		o    func(*cache.Options)
		step time.Duration
		want []int64
		view []int64
	}{
		{"never", func(o *cache.Options) {}, 0, []int64{5}, []int64{6}},
		{"by rows", func(o *cache.Options) { o.PartRows = 2 }, 0, []int64{2, 2, 2}, []int64{2, 2, 2}},
		// The first row took no time, each other one 3 s; a part that waited for a fourth would be of 12 s of work.
		{"by time", func(o *cache.Options) { o.RollEvery = 10 * time.Second }, 3 * time.Second, []int64{3, 2, 1}, []int64{6}},
		{"by the default time", func(o *cache.Options) {}, 20 * time.Second, []int64{3, 2, 1}, []int64{6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := local(t, t.TempDir())
			o := options("r1")
			c.o(&o)
			s := cache.NewSink(st, o)
			clock = started
			s.SetClock(func() time.Time { return clock })
			for i, seed := range []uint64{1, 2, 3, 4, 5, 1} {
				if err := s.Write(ctx, pair(seed, 9, schemas.Source{Pos: int64(i)})); err != nil {
					t.Fatal(err)
				}
				clock = clock.Add(c.step)
			}
			done, err := s.Close(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := rows(done.Values); !cmp.Equal(got, c.want) {
				t.Errorf("parts of values have %v rows, want %v", got, c.want)
			}
			if got := rows(done.Views); !cmp.Equal(got, c.view) {
				t.Errorf("parts of the view have %v rows, want %v", got, c.view)
			}
		})
	}
}

// Batches of about the same time come in bursts of rows. Whenever the process is killed, what no closed part holds is at most RollEvery of
// work, the batch that was under way included; or two batches, where those take longer.
func TestSinkLosesAtMostAnInterval(t *testing.T) {
	const every = 60
	for _, batch := range []int{1, 7, 16, 29, 30, 31, 59, 60, 100} { // seconds
		dir := t.TempDir()
		o := options("r1")
		o.RollEvery = every * time.Second
		s := cache.NewSink(local(t, dir), o)
		clock := started
		s.SetClock(func() time.Time { return clock })
		var work []time.Time // when the work on each row began
		for b := range 1 + 3*every/batch {
			from := clock
			clock = clock.Add(time.Duration(batch) * time.Second)
			for range 2 {
				if err := s.Write(ctx, pair(uint64(len(work)), 3, schemas.Source{Pos: int64(len(work))})); err != nil {
					t.Fatal(err)
				}
				work = append(work, from)
			}
			receipts, err := filepath.Glob(filepath.Join(dir, "tmp", "r1", "receipt-*"))
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for _, r := range receipts {
				var p cache.Staged
				if b, err := os.ReadFile(r); err != nil || json.Unmarshal(b, &p) != nil {
					t.Fatal(err)
				}
				kept += int(p.Rows)
			}
			lost := clock.Add(time.Duration(batch) * time.Second).Sub(work[kept]) // at the latest moment before the next burst
			if most := max(every, 2*batch); lost > time.Duration(most)*time.Second {
				t.Errorf("batches of %d s: after batch %d a kill loses %s of work", batch, b, lost)
			}
		}
		s.Abort()
	}
}

func TestSinkRefusesRows(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*schemas.CachedPair)
		want string
	}{
		{"id", func(p *schemas.CachedPair) { p.ID = strings.Repeat("0", 32) }, "its tokens have the id"},
		{"sum", func(p *schemas.CachedPair) { p.RefChosenLogps = math.Nextafter(p.RefChosenLogps, 0) }, "its token values sum to"},
		{"not finite", func(p *schemas.CachedPair) { p.RefRejectedTokenLogps[0] = float32(math.NaN()) }, "is NaN"},
		{"no token values", func(p *schemas.CachedPair) { p.RefChosenTokenLogps = nil }, "has no token values"},
		{"source", func(p *schemas.CachedPair) { p.Source.Pos = -1 }, "source 0:-1"},
		{"empty side", func(p *schemas.CachedPair) { p.ChosenIDs = nil }, "each must be 1 or more"},
	} {
		s := cache.NewSink(local(t, t.TempDir()), options("r1"))
		p := pair(1, 9, schemas.Source{})
		c.do(&p)
		err := s.Write(ctx, p)
		wantError(t, c.name, err, nil, c.want)
		if err2 := s.Write(ctx, pair(2, 9, schemas.Source{})); err2 != err {
			t.Errorf("%s: a later row gave %v, want the first error again", c.name, err2)
		}
		if _, err := s.Close(ctx); err == nil {
			t.Errorf("%s: Close published after an error", c.name)
		}
	}
}

func TestSinkOptions(t *testing.T) {
	st := local(t, t.TempDir())
	s := cache.NewSink(st, cache.Options{Run: "../x"})
	err := s.Write(ctx, pair(1, 9, schemas.Source{}))
	wantError(t, "both faults", err, nil, "run: ")
	wantError(t, "both faults", err, nil, "fingerprint: ")
	if got := objects(t, st, ""); got != nil {
		t.Errorf("the store holds %v", got)
	}
}

// An aborted sink leaves at most whole parts that were rolled; an unused one nothing.
func TestSinkAbort(t *testing.T) {
	dir := t.TempDir()
	st := local(t, dir)
	empty, err := cache.NewSink(st, options("r1")).Close(ctx)
	if err != nil || !cmp.Equal(empty, cache.Done{}) || objects(t, st, "") != nil {
		t.Errorf("an unused sink made %v, %v", empty, err)
	}
	o := options("r1")
	o.PartRows = 1
	s := cache.NewSink(st, o)
	for i := range 2 {
		if err := s.Write(ctx, pair(uint64(i), 9, schemas.Source{})); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Quarantine(ctx, schemas.Quarantined{Code: schemas.CodeBadJSON}); err != nil {
		t.Fatal(err)
	}
	s.Abort()
	s.Abort()
	if got := objects(t, st, ""); len(got) != 4 {
		t.Errorf("Abort left %v, want a part of values with its keys and receipt, and one of the view", got)
	}
	if files, err := os.ReadDir(st.URL("tmp/r1")); err != nil || len(files) != 4 {
		t.Errorf("Abort left the files %v, %v", files, err)
	}
	if _, err := s.Close(ctx); err == nil {
		t.Error("Close after Abort published")
	}
}
