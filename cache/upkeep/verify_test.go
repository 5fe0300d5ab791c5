package upkeep_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

var (
	ctx       = context.Background()
	errScored = errors.New("the engine is out of order")
)

// build makes a cache of the pairs whose parts have numbers.
func build(t testing.TB, dir string, rows []schemas.CachedPair, bundle int) storage.Store {
	t.Helper()
	st := cachetest.Local(t, dir)
	cachetest.Build(t, st, "r1", rows, bundle)
	cachetest.Number(t, st)
	return st
}

// wantError wants an error that is one of the sentinels, unless that is nil, and says something.
func wantError(t testing.TB, what string, err, is error, says string) {
	t.Helper()
	if err == nil || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got error %v, want %v that says %q", what, err, is, says)
	}
}

// rewrite changes the rows of a file, as a faulty writer would have written them: in the same layout, with a footer of ours, and named by
// a manifest that agrees with its bytes.
func rewrite[T any](t *testing.T, st storage.Store, path string, change func([]T) []T) {
	t.Helper()
	rows, err := parquet.ReadFile[T](st.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(st.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	info, _ := old.Stat()
	file, err := parquet.OpenFile(old, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var options []parquet.WriterOption
	for _, kv := range file.Metadata().KeyValueMetadata {
		options = append(options, parquet.KeyValueMetadata(kv.Key, kv.Value))
	}
	rows = change(rows)
	if err := parquet.WriteFile(st.URL(path+".new"), rows, options...); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(st.URL(path+".new"), st.URL(path)); err != nil {
		t.Fatal(err)
	}
	renamed(t, st, path)
}

// renamed makes the manifest agree with the bytes of a file.
func renamed(t *testing.T, st storage.Store, path string) {
	t.Helper()
	b, err := os.ReadFile(st.URL(path))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["path"] == path {
				v["bytes"], v["sha256"] = len(b), hex.EncodeToString(sum[:])
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	cachetest.Edit(t, st, func(m map[string]any) { walk(m) })
}

const (
	part0 = "values/part-r1-000000.parquet"
	part1 = "values/part-r1-000001.parquet"
	keys0 = "keys/part-r1-000000.keys"
	view0 = "views/r1/part-000000.parquet"
	info  = "views/r1.json"
)

// Each fault is named with its file, its row where it has one, and a cure; and nothing else is.
func TestVerifyNamesFaults(t *testing.T) {
	t.Parallel()
	values := func(change func([]part.Value)) func(*testing.T, storage.Store) {
		return func(t *testing.T, st storage.Store) {
			rewrite(t, st, part0, func(rows []part.Value) []part.Value { change(rows); return rows })
		}
	}
	view := func(change func([]part.ViewRow)) func(*testing.T, storage.Store) {
		return func(t *testing.T, st storage.Store) {
			rewrite(t, st, view0, func(rows []part.ViewRow) []part.ViewRow { change(rows); return rows })
		}
	}
	flip := func(path string) func(*testing.T, storage.Store) {
		return func(t *testing.T, st storage.Store) {
			b, err := os.ReadFile(st.URL(path))
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(st.URL(path), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(*testing.T, storage.Store)
		file string
		row  int64
		says string
	}{
		{"a flipped bit in a part", flip(part1), part1, -1, "its SHA-256 is"},
		{"a flipped bit in keys", flip(keys0), keys0, -1, "its SHA-256 is"},
		{"a flipped bit in a view", flip(view0), view0, -1, "its SHA-256 is"},
		{"a flipped bit in a view's description", flip(info), info, -1, "its SHA-256 is"},
		{"a flipped bit in the manifest", flip("manifest.json"), "manifest.json", -1, "is that of no snapshot"},
		{"a missing part", func(t *testing.T, st storage.Store) { os.Remove(st.URL(part1)) }, part1, -1, "it is missing"},
		{"a cut part", func(t *testing.T, st storage.Store) { os.Truncate(st.URL(part1), 99) }, part1, -1, "it has 99 bytes"},
		{"an edited snapshot", func(t *testing.T, st storage.Store) {
			os.WriteFile(st.URL("manifests/"+strings.Repeat("0", 64)+".json"), []byte("{}"), 0o644)
		}, "manifests/" + strings.Repeat("0", 64) + ".json", -1, "which is not its name"},
		{"a record that is torn", func(t *testing.T, st storage.Store) { os.Truncate(st.URL("runs/r1.json"), 20) }, "runs/r1.json", -1, "is not the JSON it should be"},
		{"a record of another run", func(t *testing.T, st storage.Store) {
			os.WriteFile(st.URL("runs/r1.json"), []byte(`{"id": "r2"}`), 0o644)
		}, "runs/r1.json", -1, `record of "r2"`},
		{"no manifest.json", func(t *testing.T, st storage.Store) { os.Remove(st.URL("manifest.json")) }, "manifest.json", -1, "it is missing, and manifests/ has 1"},
		{"another token", values(func(v []part.Value) { v[2].ChosenIDs[0]++ }), part0, 2, "its tokens have the id"},
		{"a sum", values(func(v []part.Value) { v[1].RefRejectedLogps -= 1e-9 }), part0, 1, "its token values sum to"},
		{"a token value", values(func(v []part.Value) { v[3].RefChosenTokenLogps[0] -= 1 }), part0, 3, "its token values sum to"},
		{"a count", values(func(v []part.Value) { v[0].ChosenTokens++ }), part0, 0, "counts"},
		{"a row twice", values(func(v []part.Value) { v[1] = v[0] }), part0, -1, "twice"},
		{"other values in another part", values(func(v []part.Value) {
			for i := range v {
				for j := range v[i].RefChosenTokenLogps {
					v[i].RefChosenTokenLogps[j] = -1
				}
				v[i].RefChosenLogps = float64(-len(v[i].RefChosenTokenLogps))
			}
		}), part0, 0, "has other values in"},
		{"missing columns", func(t *testing.T, st storage.Store) {
			type few struct {
				PairID string `parquet:"pair_id"`
			}
			rewrite(t, st, part0, func(rows []few) []few { return rows })
		}, part0, -1, "columns are not those"},
		{"a row less", func(t *testing.T, st storage.Store) {
			rewrite(t, st, part0, func(rows []part.Value) []part.Value { return rows[1:] })
		}, part0, -1, "the manifest says"},
		{"another pair in the view", view(func(v []part.ViewRow) { v[1].PairID = strings.Repeat("0", 32) }), "views/r1", -1, "in no part: "},
		{"no pair id in the view", view(func(v []part.ViewRow) { v[1].PairID = "x" }), view0, 1, "is not 32 hex digits"},
		{"a source twice", view(func(v []part.ViewRow) { v[1].SourceFile, v[1].SourcePos = v[0].SourceFile, v[0].SourcePos }), info, -1, "two rows of the view have the source"},
		{"a source of no input", view(func(v []part.ViewRow) { v[3].SourceFile = 2 }), view0, 3, "the view has 2 inputs"},
		{"meta", view(func(v []part.ViewRow) { v[0].Meta = "{" }), view0, 0, "no JSON object"},
		{"a view of other rows", func(t *testing.T, st storage.Store) {
			b, _ := os.ReadFile(st.URL(info))
			os.WriteFile(st.URL(info), []byte(strings.Replace(string(b), `"rows": 12`, `"rows": 13`, 1)), 0o644)
			renamed(t, st, info)
		}, info, -1, "of 13 rows"},
		{"keys of other rows", func(t *testing.T, st storage.Store) {
			b, _ := os.ReadFile(st.URL(keys0))
			b[len(b)-1] ^= 1
			os.WriteFile(st.URL(keys0), b, 0o644)
			renamed(t, st, keys0)
		}, keys0, -1, "is not that of a row"},
		{"fewer keys", func(t *testing.T, st storage.Store) {
			b, _ := os.ReadFile(st.URL(keys0))
			os.WriteFile(st.URL(keys0), b[:len(b)-16], 0o644)
			renamed(t, st, keys0)
		}, keys0, -1, "sound rows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Two parts of six rows; pair 0 is the first of both.
			st := build(t, t.TempDir(), cachetest.Pairs(12), 6)
			c.do(t, st)
			report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{Scratch: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if report.OK() {
				t.Fatal("nothing was found")
			}
			found := false
			for _, f := range report.Faults {
				if f.Cure == "" || !strings.Contains(f.String(), f.Cure) {
					t.Errorf("%v has no cure", f)
				}
				found = found || f.File == st.URL(c.file) && f.Row == c.row && strings.Contains(f.What, c.says)
			}
			if !found {
				t.Errorf("got %v, want one of %s row %d that says %q", report.Faults, c.file, c.row, c.says)
			}
		})
	}
}

func TestVerifySoundCache(t *testing.T) {
	t.Parallel()
	rows := cachetest.Pairs(12)
	st := build(t, t.TempDir(), rows, 6)
	scratch := t.TempDir()
	var got []schemas.TokenPair
	model := fakeModel(rows)
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{Sample: 5, Seed: 3, Scratch: scratch, Score: model.then(func(p []schemas.TokenPair) { got = append(got, p...) })})
	if err != nil || !report.OK() || report.Files != 7 || report.Rows != 12 || report.ViewRows != 12 || report.Rescored != 5 || report.More != 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	ids := map[string]bool{}
	for _, p := range rows {
		ids[p.ID] = true
	}
	for _, p := range got {
		if !ids[p.ID] || cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs) != p.ID {
			t.Errorf("a row that is not of the cache: %v", p.ID)
		}
	}
	if files, _ := os.ReadDir(scratch); len(got) != 5 || len(files) != 0 {
		t.Errorf("%d rows to score again, and %v left in scratch", len(got), files)
	}
	_, err = upkeep.Verify(ctx, st, upkeep.VerifyOptions{Score: func(context.Context, schemas.Fingerprint, []schemas.TokenPair, func(schemas.CachedPair), func(schemas.Quarantined)) error {
		return errScored
	}})
	wantError(t, "Score", err, errScored, "verify")
	_, err = upkeep.Verify(ctx, cachetest.Local(t, t.TempDir()), upkeep.VerifyOptions{})
	wantError(t, "an empty directory", err, cache.ErrNoCache, "no manifest.json")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err = upkeep.Verify(cancelled, st, upkeep.VerifyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Every row of every part is scored again where all are asked for, in windows that do not grow with the parts; of a sample each once, and
// other rows under another seed.
func TestVerifyScoresInWindows(t *testing.T) {
	t.Parallel()
	st := cachetest.Local(t, t.TempDir())
	rows := distinct(2600)
	o := cachetest.Options("r1")
	o.RowGroupRows = 300
	claim := cachetest.Begin(t, st, cachetest.Run("r1"))
	cachetest.Do(t, st, cachetest.Commit("r1", claim.Base, cachetest.Stage(t, st, o, rows, 2000)))
	samples := map[uint64]map[schemas.PairID]int{}
	for _, c := range []struct {
		sample, want int
		seed         uint64
	}{{math.MaxInt, 2600, 0}, {2600, 2600, 0}, {2599, 2599, 0}, {0, 16, 0}, {1100, 1100, 3}, {1100, 1100, 4}} {
		seen := map[schemas.PairID]int{}
		score := fakeModel(rows).then(func(window []schemas.TokenPair) {
			if len(window) > 1024 {
				t.Errorf("a window of %d rows", len(window))
			}
			for _, p := range window {
				if seen[p.ID]++; seen[p.ID] > 1 {
					t.Errorf("sample %d: pair %s comes twice", c.sample, p.ID)
				}
			}
		})
		report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{Score: score, Sample: c.sample, Seed: c.seed})
		if err != nil || !report.OK() || report.Rescored != int64(c.want) || len(seen) != c.want {
			t.Errorf("sample %d: %d rows, report %+v, %v", c.sample, len(seen), report, err)
		}
		samples[c.seed] = seen
	}
	if cmp.Equal(samples[3], samples[4]) {
		t.Error("two seeds give one sample")
	}

	// A row that the model refuses, one that it gives another value, and rows that it forgets.
	knows := fakeModel(rows)
	delete(knows, rows[2100].ID)
	other := rows[7]
	other.RefChosenLogps = math.Nextafter(other.RefChosenLogps, 0)
	knows[other.ID] = other
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{Score: knows.score, Sample: math.MaxInt})
	parts := manifestOf(t, st).Parts
	if err != nil || len(report.Faults) != 2 || report.Faults[0].File != st.URL(parts[0].Path) || report.Faults[0].Row != 7 || !strings.Contains(report.Faults[0].What, other.ID) ||
		report.Faults[1].File != st.URL(parts[1].Path) || report.Faults[1].Row != 100 || !strings.Contains(report.Faults[1].What, "bad_token: not of this model") {
		t.Errorf("%+v, %v", report.Faults, err)
	}
	_, err = upkeep.Verify(ctx, st, upkeep.VerifyOptions{Score: func(ctx context.Context, made schemas.Fingerprint, in []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error {
		return knows.score(ctx, made, in[1:], scored, refused)
	}})
	wantError(t, "a model that forgets rows", err, nil, "of 16 rows that were to be scored again 15 were")
}

func ExampleVerify() {
	dir, _ := os.MkdirTemp("", "cache")
	defer os.RemoveAll(dir)
	st, _ := storage.Local(dir)
	run := schemas.Run{ID: "r1", Fingerprint: schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:aa"}}}
	claim, err := cache.Begin(ctx, st, run)
	if err != nil {
		fmt.Println(err)
	}
	defer claim.Release()
	sink := cache.NewSink(st, cache.Options{Run: run.ID, Fingerprint: run.Fingerprint})
	p := schemas.CachedPair{RefChosenLogps: -3, RefRejectedLogps: -4}
	p.PromptIDs, p.ChosenIDs, p.RejectedIDs = []int32{1, 2, 3}, []int32{4, 5}, []int32{6}
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	if err := sink.Write(ctx, p); err != nil {
		fmt.Println(err)
	}
	done, err := sink.Close(ctx)
	if err != nil {
		fmt.Println(err)
	}
	view := schemas.View{Inputs: []schemas.ViewInput{{Path: "pairs.jsonl"}}}
	if _, run, err = (cache.Commit{Run: run, View: view, Done: []cache.Done{done}}).Do(ctx, st); err != nil {
		fmt.Println(err)
	}
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
	fmt.Println(p.ID, run.State, report.Rows, report.OK(), err)
	// Output: 645d81b0cf264006b33e5b64301d3d08 done 1 true <nil>
}
