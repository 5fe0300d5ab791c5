package cachetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// What the runs are made with.
var (
	Fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:aa", Detail: "tiny"}, {Name: schemas.ItemNumerics, Digest: "fma16/2"}}
	Started     = time.Date(2026, 11, 23, 18, 3, 51, 0, time.UTC)
	Finished    = Started.Add(time.Hour)
)

// Run returns a run that may begin.
func Run(id string) schemas.Run {
	return schemas.Run{ID: id, Program: "steelyard test", Runner: "direct", Started: Started, Finished: Finished,
		Owner: schemas.Owner{Host: "here", PID: 7}, Fingerprint: Fingerprint}
}

// Local returns the store of a directory.
func Local(t testing.TB, dir string) storage.Store {
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

// Logps returns n token values, and their sum as the cache wants it.
func Logps(r *rand.Rand, n int) ([]float32, float64) {
	out, sum := make([]float32, n), 0.0
	for i := range out {
		out[i] = -float32(r.ExpFloat64())
		sum += float64(out[i])
	}
	return out, sum
}

// Pair returns a scored pair that the seed decides, each of its lists of 1 to size tokens.
func Pair(seed uint64, size int, src schemas.Source) schemas.CachedPair {
	r := rand.New(rand.NewPCG(seed, 1))
	var p schemas.CachedPair
	p.PromptIDs, p.ChosenIDs, p.RejectedIDs = ids(r, 1+r.IntN(size)), ids(r, 1+r.IntN(size)), ids(r, 1+r.IntN(size))
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	p.RefChosenTokenLogps, p.RefChosenLogps = Logps(r, len(p.ChosenIDs))
	p.RefRejectedTokenLogps, p.RefRejectedLogps = Logps(r, len(p.RejectedIDs))
	p.ChosenTruncated, p.Diverged = r.IntN(4) == 0, r.IntN(4) == 0
	p.Source, p.Meta = src, fmt.Sprintf(`{"n":%d}`, src.Pos)
	return p
}

// Pairs returns n pairs of two files, every seventh a repeat of the first.
func Pairs(n int) []schemas.CachedPair {
	out := make([]schemas.CachedPair, n)
	for i := range out {
		seed := uint64(i)
		if i%7 == 6 {
			seed = 0
		}
		out[i] = Pair(seed, 20, schemas.Source{File: int32(i % 2), Pos: int64(i / 2 * 10)})
	}
	return out
}

// Options are those of a sink of a run.
func Options(run string) cache.Options {
	return cache.Options{Run: run, Fingerprint: Fingerprint, TokenLogps: true}
}

// Stage writes the pairs in bundles of n.
func Stage(t testing.TB, st storage.Store, o cache.Options, rows []schemas.CachedPair, n int) []cache.Done {
	t.Helper()
	var out []cache.Done
	for len(rows) > 0 {
		k := min(n, len(rows))
		out = append(out, Write(t, cache.NewSink(st, o), rows[:k]))
		rows = rows[k:]
	}
	return out
}

// Write writes the pairs through a sink and closes it.
func Write(t testing.TB, s *cache.Sink, rows []schemas.CachedPair) cache.Done {
	t.Helper()
	for _, p := range rows {
		if err := s.Write(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	d, err := s.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Begin claims a store for a run, and lets it go at once, as a run that died after it.
func Begin(t testing.TB, st storage.Store, run schemas.Run) *cache.Claim {
	t.Helper()
	c, err := cache.Begin(context.Background(), st, run)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	return c
}

// Commit is the commit of a run of that id and of two files, over a snapshot.
func Commit(run, base string, done []cache.Done) cache.Commit {
	view := schemas.View{
		Inputs: []schemas.ViewInput{{Path: "a.jsonl", Bytes: 10}, {Path: "b.jsonl", Bytes: 20}},
		Tokens: schemas.Fingerprint{{Name: schemas.ItemMaxLength, Digest: "1024"}},
	}
	return cache.Commit{Run: Run(run), Base: base, View: view, Done: done, MaxQuarantine: 0.05}
}

// Do does a commit, which must succeed, and returns the manifest.
func Do(t testing.TB, st storage.Store, c cache.Commit) schemas.Manifest {
	t.Helper()
	m, run, err := c.Do(context.Background(), st)
	if err != nil || run.State != schemas.RunDone {
		t.Fatalf("commit: %v, %v", run, err)
	}
	return m
}

// Build makes a cache of the pairs, or grows it: the run writes every pair, whether the cache has it or not.
func Build(t testing.TB, st storage.Store, run string, rows []schemas.CachedPair, bundle int) schemas.Manifest {
	t.Helper()
	claim := Begin(t, st, Run(run))
	return Do(t, st, Commit(run, claim.Base, Stage(t, st, Options(run), rows, bundle)))
}
