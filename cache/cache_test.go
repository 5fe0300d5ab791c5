package cache_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

var ctx = context.Background()

// What these tests have in common with others.
var (
	fingerprint = cachetest.Fingerprint
	started     = cachetest.Started
	newRun      = cachetest.Run
	pair        = cachetest.Pair
	pairs       = cachetest.Pairs
	options     = cachetest.Options
	inOrder     = cachetest.InOrder
)

func local(t testing.TB, dir string) storage.Store { return cachetest.Local(t, dir) }
func begin(t testing.TB, st storage.Store, run schemas.Run) *cache.Claim {
	return cachetest.Begin(t, st, run)
}
func read(t testing.TB, st storage.Store) []schemas.CachedPair { return cachetest.Read(t, st) }
func objects(t testing.TB, st storage.Store, prefix string) []string {
	return cachetest.Objects(t, st, prefix)
}

// stage writes the pairs in bundles of n.
func stage(t testing.TB, st storage.Store, o cache.Options, rows []schemas.CachedPair, n int) []cache.Done {
	t.Helper()
	return cachetest.Stage(t, st, o, rows, n)
}

// stagedFile is where the run r1 has a staged file: of "values", "keys" or "receipt", a "view" or "quarantine".
func stagedFile(kind string, p cache.Staged) string {
	ext := map[string]string{"values": "parquet", "keys": "keys", "receipt": "json", "view": "parquet", "quarantine": "jsonl"}[kind]
	return fmt.Sprintf("tmp/r1/%s-%s.%s", kind, p.Name, ext)
}

// build makes a cache of the pairs.
func build(t testing.TB, dir string, rows []schemas.CachedPair, bundle int) storage.Store {
	t.Helper()
	st := local(t, dir)
	cachetest.Build(t, st, "r1", rows, bundle)
	cachetest.Number(t, st)
	return st
}

// do commits the run r1 as that of a new cache.
func do(t testing.TB, st storage.Store, done []cache.Done) schemas.Manifest {
	t.Helper()
	return cachetest.Do(t, st, commit(done))
}

func commit(done []cache.Done) cache.Commit { return cachetest.Commit("r1", "", done) }

// wantError wants an error that is one of the sentinels, unless that is nil, and says something.
func wantError(t testing.TB, what string, err, is error, says string) {
	t.Helper()
	if err == nil || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got error %v, want %v that says %q", what, err, is, says)
	}
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
		begin(t, st, newRun("r1"))
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
		report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
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
