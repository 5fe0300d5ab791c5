package upkeep_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// appendRun runs a run that scores what the cache lacks.
func appendRun(t testing.TB, st storage.Store, id string, rows []schemas.CachedPair) schemas.Manifest {
	t.Helper()
	claim := cachetest.Begin(t, st, cachetest.Run(id))
	known := &cache.Known{}
	if claim.Base != "" {
		var err error
		if known, err = open(t, st).Known(ctx); err != nil {
			t.Fatal(err)
		}
		defer known.Close()
	}
	sink := cache.NewSink(st, cachetest.Options(id))
	for _, p := range rows {
		var err error
		if known.Has(p.ID) {
			err = sink.Reuse(ctx, p.TokenPair)
		} else {
			err = sink.Write(ctx, p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := cachetest.Commit(id, claim.Base, []cache.Done{cachetest.Write(t, sink, nil)})
	c.Run.Adopted = claim.Adopted
	return cachetest.Do(t, st, c)
}

// distinct returns n pairs that are all different.
func distinct(n int) []schemas.CachedPair {
	out := make([]schemas.CachedPair, n)
	for i := range out {
		out[i] = cachetest.Pair(uint64(i), 20, schemas.Source{Pos: int64(i)})
	}
	return out
}

// What views share is what counting by hand finds, however many there are and however often parts and views repeat a pair.
func TestShare(t *testing.T) {
	t.Parallel()
	all := distinct(30)
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 7))
		st := cachetest.Local(t, t.TempDir())
		type set map[schemas.PairID]bool
		var views []set
		has, rowsOf := set{}, []int64{}
		for i := range 1 + random.IntN(4) {
			var rows []schemas.CachedPair
			view := set{}
			for k := range random.IntN(20) {
				p := all[random.IntN(len(all))]
				p.Source.Pos = int64(k)
				rows = append(rows, p)
				view[p.ID], has[p.ID] = true, true
			}
			id := fmt.Sprintf("r%d", i)
			if random.IntN(2) == 0 { // every pair is scored again
				cachetest.Build(t, st, id, rows, 7)
			} else {
				appendRun(t, st, id, rows)
			}
			views, rowsOf = append(views, view), append(rowsOf, int64(len(rows)))
		}
		dropped := random.IntN(len(views))
		cachetest.Edit(t, st, func(m map[string]any) { m["views"] = m["views"].([]any)[dropped:] })
		views, rowsOf = views[dropped:], rowsOf[dropped:]
		lost := set{}
		if m := manifestOf(t, st); len(m.Parts) > 1 && random.IntN(2) == 0 {
			cachetest.Edit(t, st, func(m map[string]any) { m["parts"] = m["parts"].([]any)[1:] })
			known, err := open(t, st).Known(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for id := range has {
				if !known.Has(id) {
					delete(has, id)
					lost[id] = true
				}
			}
			known.Close()
		}

		want := upkeep.Sharing{Pairs: int64(len(has))}
		for i, v := range views {
			u := upkeep.Use{View: fmt.Sprintf("r%d", i+dropped), Rows: rowsOf[i], Pairs: int64(len(v))}
			for id := range v {
				others := 0
				for j, w := range views {
					if j != i && w[id] {
						others++
					}
				}
				if others > 0 {
					u.Shared++
				} else {
					u.Alone++
				}
				if lost[id] {
					u.Missing++
				}
			}
			want.Views = append(want.Views, u)
		}
		for id := range has {
			used := false
			for _, v := range views {
				used = used || v[id]
			}
			if !used {
				want.Unused++
			}
		}
		scratch := t.TempDir()
		got, err := upkeep.Share(ctx, st, scratch)
		if err != nil {
			t.Fatal(err)
		}
		bytes := got.UnusedBytes
		got.UnusedBytes = 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: want -, got +:\n%s", seed, diff)
		}
		var size int64
		for _, p := range manifestOf(t, st).Parts {
			size += p.Bytes
		}
		if (bytes > 0) != (want.Unused > 0) || bytes > size || want.Unused == want.Pairs && bytes != size {
			t.Errorf("seed %d: %d pairs of %d are unused, about %d bytes of %d", seed, want.Unused, want.Pairs, bytes, size)
		}
		if left, _ := os.ReadDir(scratch); len(left) > 0 {
			t.Errorf("seed %d: left in scratch: %v", seed, left)
		}
	}
}

func TestShareRefuses(t *testing.T) {
	t.Parallel()
	_, err := upkeep.Share(ctx, cachetest.Local(t, t.TempDir()), "")
	wantError(t, "no cache", err, cache.ErrNoCache, "share")
	st, _ := twoViews(t, t.TempDir())
	m := manifestOf(t, st)
	keys := read(t, st, m.Parts[0].Keys.Path)
	os.WriteFile(st.URL(m.Parts[0].Keys.Path), slices.Concat(keys[16:32], keys[:16], keys[32:]), 0o666)
	_, err = upkeep.Share(ctx, st, "")
	wantError(t, "keys in another order", err, cache.ErrDamaged, "does not come after")
	os.WriteFile(st.URL(m.Parts[0].Keys.Path), keys, 0o666)
	os.Truncate(st.URL(m.Views[0].Parts[0].Path), 3)
	_, err = upkeep.Share(ctx, st, "")
	wantError(t, "a cut view", err, cache.ErrDamaged, "it was cut")
}

// Status tells of a directory from before its first run is done until it is a cache with a history.
func TestStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := cachetest.Local(t, filepath.Join(dir, "new"))
	o, err := upkeep.Status(ctx, st)
	if err != nil || !cmp.Equal(o, upkeep.Overview{}) {
		t.Errorf("nothing there: %+v, %v", o, err)
	}
	if _, err := os.Stat(st.URL("")); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking made the directory")
	}

	// A run goes on: it holds the directory, and has two whole parts and one that is open.
	rows := distinct(20)
	claim, err := cache.Begin(ctx, st, cachetest.Run("r1"))
	if err != nil {
		t.Fatal(err)
	}
	cachetest.Stage(t, st, cachetest.Options("r1"), rows[:12], 6)
	sink := cache.NewSink(st, cachetest.Options("r1"))
	if err := sink.Write(ctx, rows[12]); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(st.URL("tmp/r1/receipt-torn.json"), []byte("{"), 0o666)
	look := func() upkeep.Overview {
		t.Helper()
		o, err := upkeep.Status(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o = look()
	want := upkeep.Leftover{Run: "r1", Files: 9, Parts: 2, Rows: 12}
	if l := o.Staged[0]; l.Bytes < 8000 {
		t.Errorf("%d bytes are staged", l.Bytes)
	} else {
		want.Bytes = l.Bytes
	}
	if diff := cmp.Diff([]upkeep.Leftover{want}, o.Staged); diff != "" || o.Digest != "" || len(o.Runs) != 1 || o.Runs[0].State != schemas.RunRunning {
		t.Errorf("%+v: want -, got +:\n%s", o, diff)
	}
	if !strings.Contains(o.Holder, "held by process") || !strings.HasPrefix(o.Holder, st.URL(".lock")) {
		t.Errorf("held: %q", o.Holder)
	}
	// Dead, it leaves them; nobody holds the directory, and looking did not change that.
	claim.Release()
	if o = look(); o.Holder != "" || o.Staged[0].Parts != 2 {
		t.Errorf("%+v", o)
	}
	// The next run takes them over.
	appendRun(t, st, "r2", rows[:14])
	appendRun(t, st, "r3", rows[10:])
	o = look()
	m := manifestOf(t, st)
	var parts []upkeep.RunParts
	for _, r := range []struct {
		run   string
		rows  int64
		parts []schemas.Part
	}{{"r1", 12, m.Parts[:2]}, {"r2", 2, m.Parts[2:3]}, {"r3", 6, m.Parts[3:]}} {
		p := upkeep.RunParts{Run: r.run, Rows: r.rows, Parts: len(r.parts)}
		for _, x := range r.parts {
			p.Bytes += x.Bytes + x.Keys.Bytes
		}
		parts = append(parts, p)
	}
	if diff := cmp.Diff(parts, o.Parts); diff != "" || len(o.Staged) > 0 || o.Digest != newest(t, st) || len(o.Views) != 2 || o.Views[1].Rows != 10 {
		t.Errorf("%+v: want -, got +:\n%s", o, diff)
	}
	if r := o.Runs[1]; len(r.Adopted) != 1 || r.Adopted[0] != (schemas.Adopted{Run: "r1", Parts: 2, Rows: 12}) || r.Counts.Reused != 12 || r.Counts.Scored != 2 {
		t.Errorf("run %+v", r)
	}
	// What a run of another reference left is taken over by none.
	other := cachetest.Run("r4")
	other.Fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:bb"}, cachetest.Fingerprint[1]}
	b, err := json.Marshal(other)
	if err == nil {
		err = os.WriteFile(st.URL("runs/r4.json"), b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	options := cachetest.Options("r4")
	options.Fingerprint = other.Fingerprint
	cachetest.Stage(t, st, options, rows[:2], 2)
	if o = look(); len(o.Staged) != 1 || !cmp.Equal(o.Staged[0].Differs, []string{"weights"}) {
		t.Errorf("staged %+v", o.Staged)
	}
	// A damaged view is named, and all else can be seen.
	os.Truncate(st.URL("views/r2.json"), 5)
	if o = look(); len(o.Damaged) != 1 || !strings.Contains(o.Damaged[0], "r2") || len(o.Views) != 2 || o.Views[0].Rows != 14 || o.Views[1].Inputs == nil {
		t.Errorf("%+v", o)
	}
	// A lock that cannot be tried.
	os.Remove(st.URL(".lock"))
	if err := os.Mkdir(st.URL(".lock"), 0o777); err != nil {
		t.Fatal(err)
	}
	if o = look(); !strings.HasPrefix(o.Holder, "unknown: ") {
		t.Errorf("held: %q", o.Holder)
	}
	os.Truncate(st.URL("runs/r2.json"), 5)
	_, err = upkeep.Status(ctx, st)
	wantError(t, "a damaged record", err, cache.ErrDamaged, "status")
}

// BenchmarkShare says what a view of so many rows and its keys cost to hold against another.
func BenchmarkShare(b *testing.B) {
	st := cachetest.Local(b, b.TempDir())
	rows := make([]schemas.CachedPair, 20_000)
	for i := range rows {
		rows[i] = cachetest.Pair(uint64(i), 4, schemas.Source{Pos: int64(i)})
	}
	appendRun(b, st, "r1", rows[:15_000])
	appendRun(b, st, "r2", rows[5_000:])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := upkeep.Share(ctx, st, b.TempDir()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "records/s")
}
