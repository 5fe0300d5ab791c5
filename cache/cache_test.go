package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	commit := cache.Commit{Run: newRun("r1"), Done: stage(t, st, options("r1"), rows, bundle), MaxQuarantine: 0.05}
	if _, run, err := commit.Do(ctx, st); err != nil || run.State != schemas.RunDone {
		t.Fatalf("commit: %v, %v", run, err)
	}
	return st
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

func TestRoundTrip(t *testing.T) {
	rows := pairs(100)
	for _, bundle := range []int{1, 7, 100} {
		t.Run(fmt.Sprint("bundles of ", bundle), func(t *testing.T) {
			st := build(t, t.TempDir(), rows, bundle)
			if diff := cmp.Diff(inOrder(rows), read(t, st)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}
