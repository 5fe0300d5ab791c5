package cache_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// add gives a cache the rows of another run as a further view; change may change how it is described.
func add(t testing.TB, st storage.Store, o cache.Options, rows []schemas.CachedPair, bundle int, change func(*schemas.View)) {
	t.Helper()
	claim := begin(t, st, newRun(o.Run))
	c := cachetest.Commit(o.Run, claim.Base, stage(t, st, o, rows, bundle))
	if change != nil {
		change(&c.View)
	}
	cachetest.Do(t, st, c)
}

// secondRows are rows of another data set: three of the pairs that pairs(n) has, in another order, and two new ones, one of them twice.
func secondRows() []schemas.CachedPair {
	var out []schemas.CachedPair
	for i, seed := range []uint64{3, 101, 0, 102, 101, 2} {
		out = append(out, pair(seed, 20, schemas.Source{Pos: int64(i)}))
	}
	return out
}

// twoViews makes a cache of two views, r1 of pairs(10) and r2 of secondRows.
func twoViews(t testing.TB, change func(*schemas.View)) (storage.Store, *cache.Snapshot) {
	t.Helper()
	st := build(t, t.TempDir(), pairs(10), 4)
	add(t, st, options("r2"), secondRows(), 3, func(v *schemas.View) {
		v.Inputs = []schemas.ViewInput{{Path: "c.jsonl", Bytes: 30}}
		if change != nil {
			change(v)
		}
	})
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	return st, s
}

// rowsOf reads every row of an index, meta and all.
func rowsOf(t testing.TB, s *cache.Snapshot, x *cache.Index, err error) []schemas.CachedPair {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	values, metas := s.Rows(x), s.Metas(x)
	defer values.Close()
	defer metas.Close()
	var out []schemas.CachedPair
	for i := range x.Len() {
		p, err := values.At(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		if p.Meta, err = metas.At(ctx, i); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// ordered is what rowsOf should read of rows.
func ordered(rows []schemas.CachedPair) []schemas.CachedPair {
	out := inOrder(rows)
	for i := range out {
		out[i].Meta = fmt.Sprintf(`{"n":%d}`, out[i].Source.Pos)
	}
	return out
}

// firsts leaves out rows whose pair came before.
func firsts(rows []schemas.CachedPair) []schemas.CachedPair {
	seen := map[schemas.PairID]bool{}
	return slices.DeleteFunc(slices.Clone(rows), func(p schemas.CachedPair) bool {
		was := seen[p.ID]
		seen[p.ID] = true
		return was
	})
}

// Each view by its name, the newest for "", and all of them one after another; with repeats and without. One file serves them in turn.
func TestViews(t *testing.T) {
	st, s := twoViews(t, nil)
	first, second := ordered(pairs(10)), ordered(secondRows())
	all := slices.Clone(first)
	for _, p := range second {
		p.Source.File += 2 // r1 has two inputs
		all = append(all, p)
	}
	path := filepath.Join(t.TempDir(), "index")
	for _, c := range []struct {
		view     string
		want     []schemas.CachedPair
		distinct int
	}{{"r1", first, 9}, {"r2", second, 5}, {"", second, 5}, {cache.AllViews, all, 11}} {
		x, err := s.Index(ctx, c.view, path)
		if diff := cmp.Diff(c.want, rowsOf(t, s, x, err)); diff != "" {
			t.Errorf("view %q: want -, got +:\n%s", c.view, diff)
		}
		x, err = s.Distinct(ctx, c.view, path)
		got := rowsOf(t, s, x, err)
		if diff := cmp.Diff(firsts(c.want), got); diff != "" || len(got) != c.distinct {
			t.Errorf("view %q, %d distinct rows: want -, got +:\n%s", c.view, len(got), diff)
		}
	}
	report, err := upkeep.Verify(ctx, st, upkeep.VerifyOptions{})
	if err != nil || !report.OK() || report.ViewRows != 16 {
		t.Errorf("verify: %+v, %v", report, err)
	}
}

// A second look at an index without repeats finds the file that is there.
func TestDistinctIsMadeOnce(t *testing.T) {
	_, s := twoViews(t, nil)
	path := filepath.Join(t.TempDir(), "index")
	var files []os.FileInfo
	for range 2 {
		x, err := s.Distinct(ctx, cache.AllViews, path)
		if err != nil {
			t.Fatal(err)
		}
		x.Close()
		f, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if !os.SameFile(files[0], files[1]) || files[0].Size() != 80+32*11 {
		t.Errorf("made twice: %v; %d bytes", !os.SameFile(files[0], files[1]), files[0].Size())
	}
}

func TestAllViewsInfo(t *testing.T) {
	_, s := twoViews(t, func(v *schemas.View) { v.Tokens[0].Digest = "512" })
	got, err := s.ViewInfo(cache.AllViews)
	if err != nil {
		t.Fatal(err)
	}
	want := schemas.View{Name: "all", Created: started, Rows: 16,
		Inputs: []schemas.ViewInput{{Path: "a.jsonl", Bytes: 10}, {Path: "b.jsonl", Bytes: 20}, {Path: "c.jsonl", Bytes: 30}},
		Tokens: schemas.Fingerprint{{Name: "max_length", Digest: cache.Several, Detail: "1024 in view r1, 512 in view r2"}}}
	for _, name := range []string{"r1", "r2"} {
		v, err := s.ViewInfo(name)
		if err != nil {
			t.Fatal(err)
		}
		want.Truncated += v.Truncated
		want.Identical += v.Identical
		want.Diverged += v.Diverged
	}
	if diff := cmp.Diff(want, got); diff != "" || want.Truncated == 0 || want.Diverged == 0 {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// Items that views did without conflict with none.
func TestAllViewsTokens(t *testing.T) {
	for _, c := range []struct{ first, second, want, detail string }{
		{"sha256:aa", "sha256:aa", "sha256:aa", "dir"},
		{"sha256:aa", "none", "sha256:aa", "dir"},
		{"none", "sha256:aa", "sha256:aa", "dir"},
		{"", "sha256:aa", "sha256:aa", "dir"},
		{"sha256:aa", "", "sha256:aa", "dir"},
		{"none", "none", "none", ""},
		{"sha256:aa", "sha256:ab", "several", "sha256:aa in view r1, sha256:ab in view r2"},
		{"sha256:a", "sha256:aa", "several", "sha256:a in view r1, sha256:aa in view r2"},
	} {
		item := func(digest string) schemas.Fingerprint {
			f := schemas.Fingerprint{{Name: schemas.ItemBoundary, Digest: "diverge"}}
			if digest != "" {
				f = append(f, schemas.Item{Name: schemas.ItemTokenizer, Digest: digest, Detail: "dir"})
			}
			return f
		}
		st := local(t, t.TempDir())
		begin(t, st, newRun("r1"))
		first := commit(stage(t, st, options("r1"), pairs(1), 1))
		first.View.Tokens = item(c.first)
		if _, _, err := first.Do(ctx, st); err != nil {
			t.Fatal(err)
		}
		add(t, st, options("r2"), pairs(1), 1, func(v *schemas.View) { v.Tokens = item(c.second) })
		s, err := cache.Open(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.ViewInfo(cache.AllViews)
		if err != nil {
			t.Fatal(err)
		}
		want := schemas.Fingerprint{{Name: schemas.ItemBoundary, Digest: "diverge"}, {Name: schemas.ItemTokenizer, Digest: c.want, Detail: c.detail}}
		if diff := cmp.Diff(want, got.Tokens); diff != "" {
			t.Errorf("%q and %q: want -, got +:\n%s", c.first, c.second, diff)
		}
	}
}

func TestViewNames(t *testing.T) {
	_, s := twoViews(t, nil)
	_, err := s.ViewInfo("r3")
	wantError(t, "an unknown view", err, nil, `has no view "r3"; it has ["r1" "r2"], and "all" is them all`)
	_, err = s.Distinct(ctx, "r3", filepath.Join(t.TempDir(), "x"))
	wantError(t, "an unknown view", err, nil, `has no view "r3"`)
	_, err = cache.Begin(ctx, local(t, t.TempDir()), newRun(cache.AllViews))
	wantError(t, "a run named all", err, nil, `the run id "all" stands for every view`)

	st := build(t, t.TempDir(), pairs(2), 2)
	cachetest.Edit(t, st, func(m map[string]any) { m["views"] = []any{} })
	if s, err = cache.Open(ctx, st); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", cache.AllViews} {
		_, err = s.ViewInfo(name)
		wantError(t, "no views", err, nil, "has no views")
	}
}

// A row of an input that its view does not have would be taken for a row of the next view.
func TestIndexRefusesRowsOfNoInput(t *testing.T) {
	_, s := twoViews(t, func(v *schemas.View) { v.Inputs = nil })
	for _, view := range []string{"r2", cache.AllViews} {
		_, err := s.Index(ctx, view, filepath.Join(t.TempDir(), "x"))
		wantError(t, view, err, cache.ErrDamaged, "row 0 has the source 0:0; the view has 0 inputs")
	}
}

// The other fields of every row are read, however the view was cut into parts and groups.
func TestMetas(t *testing.T) {
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
		o.RowGroupRows = rapid.IntRange(1, 8).Draw(rt, "group rows")
		st := local(t, filepath.Join(dir, fmt.Sprint(n)))
		begin(t, st, newRun("r1"))
		do(t, st, stage(t, st, o, shuffled, rapid.IntRange(10, 60).Draw(rt, "bundle")))
		s, err := cache.Open(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		x, err := s.Index(ctx, "", filepath.Join(dir, "x"))
		if diff := cmp.Diff(ordered(rows), rowsOf(t, s, x, err)); diff != "" && len(rows) > 0 {
			rt.Errorf("want -, got +:\n%s", diff)
		}
	})
}

// An index that does not fit the view is refused, never read as other rows.
func TestMetasRefuseWhatChanged(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 8)
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	at := func(i int) error {
		x, err := s.Index(ctx, "", path)
		if err != nil {
			return err
		}
		defer x.Close()
		r := s.Metas(x)
		defer r.Close()
		_, err = r.At(ctx, i)
		return err
	}
	if err := at(0); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{-1, 8} {
		wantError(t, "At", at(i), nil, "of a view of 8")
	}
	index, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		field int // of a record
		value uint32
		says  string
	}{
		{"another row", 28, 3, "remove the index file"},
		{"another position", 8, 3, "remove the index file"},
		{"no such row", 28, 99, "which is not there"},
		{"no such part", 24, 1, "which is not there"},
	} {
		b := bytes.Clone(index)
		binary.BigEndian.PutUint32(b[80+c.field:], c.value)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		wantError(t, c.name, at(0), nil, c.says)
	}
}

// Parts without token columns count only if a row of the index lies in one.
func TestSumsOnly(t *testing.T) {
	st := build(t, t.TempDir(), pairs(10), 4)
	o := options("r2")
	o.TokenLogps = false
	add(t, st, o, secondRows(), 3, nil)
	cachetest.Number(t, st)
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		view string
		want []string
	}{
		{"r1", nil},
		{"r2", []string{"values/part-r2-000003.parquet", "values/part-r2-000004.parquet"}},
		{cache.AllViews, []string{"values/part-r2-000003.parquet", "values/part-r2-000004.parquet"}},
	} {
		x, err := s.Index(ctx, c.view, filepath.Join(t.TempDir(), "x"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.SumsOnly(ctx, x)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("view %s: %v; want -, got +:\n%s", c.view, err, diff)
		}
		x.Close()
	}
}
