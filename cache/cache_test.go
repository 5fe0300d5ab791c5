package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

var (
	ctx         = context.Background()
	fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:aa", Detail: "tiny"}, {Name: schemas.ItemNumerics, Digest: "fma16/1"}}
	started     = time.Date(2026, 11, 23, 18, 3, 51, 0, time.UTC)
	finished    = started.Add(time.Hour)
)

// newRun returns the run that the tests make.
func newRun(id string) schemas.Run {
	return schemas.Run{ID: id, Program: "steelyard test", Runner: "direct", Started: started, Finished: finished,
		Owner: schemas.Owner{Host: "here", PID: 7}, Fingerprint: fingerprint}
}

func local(t testing.TB, dir string) storage.Store {
	t.Helper()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// ids returns n token ids.
func ids(r *rand.Rand, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = r.Int32N(50_000)
	}
	return out
}

// logps returns n token values, and their sum as the cache wants it.
func logps(r *rand.Rand, n int) ([]float32, float64) {
	out, sum := make([]float32, n), 0.0
	for i := range out {
		out[i] = -float32(r.ExpFloat64())
		sum += float64(out[i])
	}
	return out, sum
}

// pair returns a scored pair that the seed decides, of about size tokens.
func pair(seed uint64, size int, src schemas.Source) schemas.CachedPair {
	r := rand.New(rand.NewPCG(seed, 1))
	var p schemas.CachedPair
	p.PromptIDs, p.ChosenIDs, p.RejectedIDs = ids(r, 1+r.IntN(size)), ids(r, 1+r.IntN(size)), ids(r, 1+r.IntN(size))
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	p.RefChosenTokenLogps, p.RefChosenLogps = logps(r, len(p.ChosenIDs))
	p.RefRejectedTokenLogps, p.RefRejectedLogps = logps(r, len(p.RejectedIDs))
	p.ChosenTruncated, p.Diverged = r.IntN(4) == 0, r.IntN(4) == 0
	p.Source, p.Meta = src, fmt.Sprintf(`{"n":%d}`, src.Pos)
	return p
}

// pairs returns n pairs, in the order of source, every seventh a repeat of the first.
func pairs(n int) []schemas.CachedPair {
	out := make([]schemas.CachedPair, n)
	for i := range out {
		seed := uint64(i)
		if i%7 == 6 {
			seed = 0
		}
		out[i] = pair(seed, 20, schemas.Source{File: int32(i % 2), Pos: int64(i / 2 * 10)})
	}
	return out
}

func options(run string) cache.Options {
	return cache.Options{Run: run, Fingerprint: fingerprint, TokenLogps: true}
}

// stage writes the pairs in bundles of n.
func stage(t testing.TB, st storage.Store, o cache.Options, rows []schemas.CachedPair, n int) []cache.Done {
	t.Helper()
	var out []cache.Done
	for len(rows) > 0 {
		k := min(n, len(rows))
		s := cache.NewSink(st, o)
		for _, p := range rows[:k] {
			if err := s.Write(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		rows = rows[k:]
		d, err := s.Close(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

// build makes a cache of the pairs.
func build(t testing.TB, dir string, rows []schemas.CachedPair, bundle int) storage.Store {
	t.Helper()
	st := local(t, dir)
	if err := cache.Begin(ctx, st, newRun("r1")); err != nil {
		t.Fatal(err)
	}
	do(t, st, stage(t, st, options("r1"), rows, bundle))
	return st
}

// do commits the run r1.
func do(t testing.TB, st storage.Store, done []cache.Done) schemas.Manifest {
	t.Helper()
	m, run, err := commit(done).Do(ctx, st)
	if err != nil || run.State != schemas.RunDone {
		t.Fatalf("commit: %v, %v", run, err)
	}
	return m
}

func commit(done []cache.Done) cache.Commit {
	view := schemas.View{
		Inputs: []schemas.ViewInput{{Path: "a.jsonl", Bytes: 10}, {Path: "b.jsonl", Bytes: 20}},
		Tokens: schemas.Fingerprint{{Name: schemas.ItemMaxLength, Digest: "1024"}},
	}
	return cache.Commit{Run: newRun("r1"), View: view, Done: done, MaxQuarantine: 0.05}
}

// wantError wants an error that is one of the sentinels, unless that is nil, and says something.
func wantError(t testing.TB, what string, err, is error, says string) {
	t.Helper()
	if err == nil || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got error %v, want %v that says %q", what, err, is, says)
	}
}

// names lists the objects of a store below prefix.
func names(t testing.TB, st storage.Store, prefix string) []string {
	t.Helper()
	objects, err := st.List(ctx, prefix)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range objects {
		out = append(out, o.Name)
	}
	return out
}

// read returns the rows of the newest view, in its order.
func read(t testing.TB, st storage.Store) []schemas.CachedPair {
	t.Helper()
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Index(ctx, "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := s.Rows(x)
	defer r.Close()
	var out []schemas.CachedPair
	for i := range x.Len() {
		p, err := r.At(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// inOrder returns what a reader should give for rows: sorted by source, without what only a view or a pipeline has.
func inOrder(rows []schemas.CachedPair) []schemas.CachedPair {
	out := append([]schemas.CachedPair(nil), rows...)
	for i := range out {
		out[i].Meta, out[i].Raw, out[i].Diverged = "", "", false
		for j := i; j > 0 && out[j].Source.Less(out[j-1].Source); j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// What is written is read, in the order of source, however the rows were cut into bundles, parts and groups.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		rows := pairs(rapid.IntRange(0, 60).Draw(rt, "rows"))
		shuffled := slices.Clone(rows)
		for i, j := range rapid.Permutation(ramp(len(rows))).Draw(rt, "order") {
			shuffled[i] = rows[j]
		}
		o := options("r1")
		o.TokenLogps = rapid.Bool().Draw(rt, "token logps")
		o.PartRows = int64(rapid.IntRange(4, 20).Draw(rt, "part rows"))
		o.RowGroupRows = rapid.IntRange(1, 8).Draw(rt, "group rows")
		o.RowGroupBytes = rapid.IntRange(1, 2000).Draw(rt, "group bytes")
		st := local(t, filepath.Join(dir, fmt.Sprint(n)))
		if err := cache.Begin(ctx, st, newRun("r1")); err != nil {
			t.Fatal(err)
		}
		do(t, st, stage(t, st, o, shuffled, rapid.IntRange(20, 60).Draw(rt, "bundle")))
		want := inOrder(rows)
		if !o.TokenLogps {
			for i := range want {
				want[i].RefChosenTokenLogps, want[i].RefRejectedTokenLogps = nil, nil
			}
		}
		if diff := cmp.Diff(want, read(t, st), cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("want -, got +:\n%s", diff)
		}
		report, err := cache.Verify(ctx, st, cache.VerifyOptions{})
		if err != nil || !report.OK() || report.ViewRows != int64(len(rows)) {
			rt.Errorf("verify: %+v, %v", report, err)
		}
	})
}

func ramp(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
